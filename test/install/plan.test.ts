import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { SERVE_OPTIONS } from '../../src/config.ts'
import { configText } from '../../src/install/config-text.ts'
import { installPaths } from '../../src/install/paths.ts'
import type { Present, Remains } from '../../src/install/plan.ts'
import { describe, planInstall, planUninstall } from '../../src/install/plan.ts'
import { socketUnit } from '../../src/install/units.ts'

const paths = installPaths('/', '/usr/local')
const listen = { host: '127.0.0.1', port: 8443 }
const NOTHING: Present = { config: undefined, shipped: undefined, socketText: undefined, serviceActive: false }

function planned(present: Partial<Present>, template = 'new\n'): string[] {
  return planInstall({
    paths,
    template,
    listen,
    mediaListen: undefined,
    start: true,
    present: { ...NOTHING, ...present },
  }).map(describe)
}

test('a configuration that was never edited follows the version, an edited one stays', () => {
  expect(planned({})).toContain('write /etc/provisioner/provisioner.yaml')
  expect(planned({ config: 'old\n', shipped: 'old\n' })).toContain('write /etc/provisioner/provisioner.yaml')
  const edited = planned({ config: 'mine\n', shipped: 'old\n' })
  expect(edited).not.toContain('write /etc/provisioner/provisioner.yaml')
  expect(edited).toContain('write /etc/provisioner/provisioner.yaml.dist')
  expect(edited).toContainEqual(expect.stringContaining('diff /etc/provisioner/provisioner.yaml'))
})

test('the socket is closed only when its address changes', () => {
  const same = planned({ socketText: socketUnit(listen, undefined), serviceActive: true })
  expect(same).toContain('run systemctl restart provisioner.service')
  expect(same).not.toContain('run systemctl restart provisioner.socket')
  const moved = planned({ socketText: socketUnit({ ...listen, port: 1 }, undefined), serviceActive: true })
  expect(moved.slice(-3)).toEqual([
    'run systemctl stop provisioner.service',
    'run systemctl restart provisioner.socket',
    'run systemctl start provisioner.service',
  ])
})

test('an IPv6 address stands in brackets', () => {
  expect(socketUnit({ host: '::', port: 443 }, undefined)).toContain('\nListenStream=[::]:443\n')
})

test('the socket for media comes second, which is how the service tells them apart', () => {
  const text = socketUnit({ host: '::', port: 443 }, { host: '192.0.2.1', port: 80 })
  const streams = text.split('\n').filter((line) => line.startsWith('ListenStream='))
  expect(streams).toEqual(['ListenStream=[::]:443', 'ListenStream=192.0.2.1:80'])
})

const WHOLE: Remains = {
  units: ['provisioner.socket', 'provisioner.service'],
  user: true,
  unreadableConfig: false,
  stays: [],
}

test('what an uninstallation has left can be purged afterwards', () => {
  const left: Remains = { ...WHOLE, units: [], stays: ['/srv/provisioner'] }
  const purged = planUninstall(paths, true, left).map(describe)
  expect(purged.filter((line) => line.startsWith('run'))).toEqual([
    'run systemctl daemon-reload',
    'run userdel provisioner',
  ])
  expect(purged.at(-1)).toBe('/srv/provisioner stays, with its keys: it is not /var/lib/provisioner')
  const again = planUninstall(paths, true, { ...left, user: false }).map(describe)
  expect(again).not.toContain('run userdel provisioner')
  expect(planUninstall(paths, true, WHOLE).map(describe).slice(0, 2)).toEqual([
    'run systemctl disable --now --quiet provisioner.socket provisioner.service',
    'remove /var/lib/provisioner',
  ])
})

test('only purging touches data and configuration', () => {
  const touched = (purge: boolean) => planUninstall(paths, purge, WHOLE).map(describe)
  expect(touched(false)).not.toContain(`remove ${paths.data}`)
  expect(touched(true)).toEqual(expect.arrayContaining([`remove ${paths.data}`, `remove ${paths.configDir}`]))
  const kept = planUninstall(paths, true, { ...WHOLE, unreadableConfig: true }).map(describe)
  expect(kept).not.toContain(`remove ${paths.config}`)
  expect(kept).toContainEqual(expect.stringContaining(`${paths.config} cannot be understood and stays`))
})

test('the shipped configuration has every option, and sets what a service needs', () => {
  const text = configText(SERVE_OPTIONS)
  for (const name of Object.keys(SERVE_OPTIONS).filter((each) => each !== 'config' && each !== 'check')) {
    expect(text).toMatch(new RegExp(`^#?${name}: `, 'm'))
  }
  expect(parse(text)).toEqual({
    data: '/var/lib/provisioner',
    'admin-token-file': '/var/lib/provisioner/admin-token',
  })
})

import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { executable } from '../build/executable.ts'
import { inTools } from '../lab/programs.ts'
import { debianRoot } from '../lab/roots/roots.ts'

/** What the story wrote, by file name. */
const told = new Map<string, string>()

beforeAll(async () => {
  const shared = await mkdtemp(join(tmpdir(), 'install-'))
  try {
    await mkdir(join(shared, 'out'))
    await cp(join(import.meta.dirname, 'story.sh'), join(shared, 'story.sh'))
    const binds = [
      { host: await debianRoot('maintenance'), inside: '/in/root', readonly: true },
      { host: await executable(), inside: '/provisioner', readonly: true },
      { host: join(import.meta.dirname, 'boot.sh'), inside: '/boot.sh', readonly: true },
      { host: join(import.meta.dirname, '../lab/nspawn.sh'), inside: '/nspawn.sh', readonly: true },
      { host: shared, inside: '/t' },
    ]
    const options = { binds, cgroup: true, network: false, timeoutMs: 300_000 }
    const { stdout, stderr } = await inTools(['bash', '/boot.sh'], options)
    told.set('console', stdout + stderr)
    for (const name of await readdir(join(shared, 'out'))) {
      told.set(name, (await readFile(join(shared, 'out', name), 'utf8')).trim())
    }
  } finally {
    await rm(shared, { recursive: true, force: true })
  }
  if (!told.has('done')) throw new Error(`The story did not end: ${JSON.stringify([...told], null, 1).slice(-6000)}`)
}, 900_000)

const said = (name: string) => told.get(name) ?? ''

test('a dry run names what would be done and does nothing', () => {
  expect(said('dry-run')).toContain('write /etc/systemd/system/provisioner.service')
  expect(told.has('dry-run-did')).toBe(false)
})

test('an installed controller is active when the command returns, and answers', () => {
  expect(said('install-code'), said('install') + said('journal')).toBe('0')
  expect(said('active')).toBe('active')
  expect(said('healthz')).toBe('{"status":"ok"}')
  // Everything but the maintenance image, which nobody has named yet.
  expect(JSON.parse(said('readyz'))).toMatchObject({ status: 503, details: [{ path: '/maintenance' }] })
  expect(said('token')).toBe('yes')
  expect(said('limit')).toBe('65536')
})

test('its data belong to a user of its own, and nobody else reads keys or configuration', () => {
  expect(said('modes').split('\n')).toEqual(['provisioner 700', 'provisioner 600', 'root 640'])
  // ps cuts longer names.
  expect(said('user')).toMatch(/^provisio/)
})

test('systemd finds no fault with the units, and rates them as hardened', () => {
  expect(said('verify')).toBe('')
  const exposure = Number(/exposure level for provisioner\.service: ([\d.]+)/.exec(said('security'))?.[1])
  expect(exposure, said('security')).toBeLessThan(2)
})

test('a killed controller is started again, and a request that comes meanwhile is answered', () => {
  expect(said('after-kill')).toBe('{"status":"ok"}')
  expect(said('restarts')).toBe('1')
  expect(said('active-after-kill')).toBe('active')
})

test('a restart refuses no connection', () => {
  const asked = said('asked').split('\n')
  expect(asked.length).toBeGreaterThanOrEqual(3)
  expect([...new Set(asked)]).toEqual(['200'])
})

test('a reload takes the log level over', () => {
  expect(JSON.parse(said('reload').split('\n')[0] ?? '')).toMatchObject({
    reloaded: expect.arrayContaining(['logLevel']),
  })
})

test('root replaces the master key of the stopped service, which starts with it', () => {
  expect(said('rotated-key'), said('rotate')).toBe('provisioner 600')
  expect(said('active-after-rotate'), said('rotate') + said('journal')).toBe('active')
  expect(said('after-rotate')).toBe('{"status":"ok"}')
})

test('installing again keeps an edited configuration and says so', () => {
  expect(said('again')).toContain('provisioner.yaml was edited and stays')
  expect(said('kept')).toBe('1')
})

test('an upgrade is the new file, with the former one beside it', () => {
  expect(said('upgraded'), said('upgrade')).toBe('yes')
  expect(said('after-upgrade')).toBe('{"status":"ok"}')
})

test('it serves port 443 without being root, after its configuration says so', () => {
  expect(said('port-443'), said('moved')).toBe('{"status":"ok"}')
  // Media alone by plain HTTP, from the second socket.
  expect(said('port-80'), said('moved')).toContain('its job has ended')
  expect(said('port-80-else')).toBe('404')
})

test('a running service is backed up, with the configuration', () => {
  expect(said('backup')).toMatch(/: 0 servers, 0 jobs, 0 repositories, 0 tags, 0 blobs \(0 B\); 0 blobs/)
  expect(said('backup-verify')).toMatch(/all is what its digest says$/)
})

test('uninstalled it leaves data and configuration, which a new installation takes up', () => {
  expect(said('kept-data')).toBe('/etc/provisioner/provisioner.yaml\n/var/lib/provisioner/controller.db')
  expect(said('after-reinstall'), said('reinstall')).toBe('{"status":"ok"}')
})

test('purged it leaves nothing', () => {
  expect(said('left'), said('purge')).toBe('')
  expect(said('left-user')).toBe('')
})

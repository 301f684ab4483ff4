import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inTools, mustInTools } from '../lab/programs.ts'

const ASSETS = join(import.meta.dirname, '../../assets')
const BINDS = [
  { host: join(ASSETS, 'units'), inside: '/in/units', readonly: true },
  { host: join(ASSETS, 'quadlets'), inside: '/in/quadlets', readonly: true },
  { host: join(ASSETS, 'host'), inside: '/in/host', readonly: true },
]

test('podman generates a unit from every Quadlet', async () => {
  const argv = ['env', 'QUADLET_UNIT_DIRS=/in/quadlets', '/usr/libexec/podman/quadlet', '-dryrun']
  const { code, stdout, stderr } = await inTools(argv, { binds: BINDS })
  expect(stderr + stdout).not.toMatch(/unsupported|error/i)
  expect(code).toBe(0)
  for (const step of ['partition', 'image-linux', 'bootloader-linux', 'image-disk', 'config-drive']) {
    expect(stdout).toContain(`---${step}.service---`)
  }
  expect(stdout.match(/--privileged -v \/dev:\/dev|-v \/dev:\/dev.*--privileged/g)).toHaveLength(5)
  expect(stdout).not.toContain('--sdnotify')
})

test('systemd finds nothing wrong with the units, the generated ones included', async () => {
  const script = `
    cp -a /in/host/. / && cp /in/units/* /etc/systemd/system/
    mkdir -p /etc/containers/systemd && cp /in/quadlets/* /etc/containers/systemd/
    for program in provisioner nft; do install -m 0755 /dev/stdin /usr/sbin/$program </dev/null; done
    cd /etc/systemd/system
    systemd-analyze --generators=yes --man=no verify *.target *.service *.mount 2>&1`
  const said = await mustInTools(['sh', '-euc', script], { binds: BINDS })
  expect(
    said
      .split('\n')
      .filter((line) =>
        /provision|install-|partition|image-|bootloader|config-drive|var-lib|firmware|tool-image/.test(line),
      ),
  ).toEqual([])
})

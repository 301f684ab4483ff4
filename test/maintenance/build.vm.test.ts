import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { executable } from '../build/executable.ts'
import { startMediaServer } from '../lab/bmc/media-server.ts'
import { labScratch } from '../lab/cache.ts'
import { COMMAND_LINE } from '../lab/maintenance.ts'
import { inTools, mustInTools } from '../lab/programs.ts'
import { createVm } from '../lab/qemu/vm.ts'
import { systemLayouts } from './system-image.ts'

let directory: string
let program: string

beforeAll(async () => {
  directory = await labScratch('build')
  program = await executable()
  await systemLayouts(directory)
  await chmod(directory, 0o755)
  await mkdir(join(directory, 'out'))
  await chmod(join(directory, 'out'), 0o777)
})

afterAll(() => rm(directory, { recursive: true, force: true }))

/** As nobody, without a network: what a build host allows. */
async function build(name: string, ...more: string[]): Promise<string> {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '/provisioner']
  const what = ['--from', 'oci-layout:/in/system', '--tools-image', 'oci-layout:/in/tools', '--label', 'MAINT']
  const argv = [
    ...nobody,
    'maintenance',
    'build',
    ...what,
    '--append',
    COMMAND_LINE,
    '--output',
    `/out/${name}`,
    ...more,
  ]
  await mustInTools(argv, { binds: binds(), network: false, env: { HOME: '/tmp' }, timeoutMs: 300_000 })
  return join(directory, 'out', name)
}

function binds() {
  return [
    { host: program, inside: '/provisioner', readonly: true },
    { host: directory, inside: '/in', readonly: true },
    { host: join(directory, 'out'), inside: '/out' },
  ]
}

async function sum(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) hash.update(chunk)
  })
  return hash.digest('hex')
}

test('an image becomes a medium that boots, with its tool image on board; a second build has the same bytes', async () => {
  const iso = await build('m.iso')
  expect(await readdir(join(directory, 'out'))).toEqual(['m.iso'])
  const again = await build('again.iso')
  expect(await sum(again)).toBe(await sum(iso))
  await rm(again)

  const files = await startMediaServer({ '/m.iso': iso })
  onTestFinished(() => files.close())
  const vm = await createVm({
    serial: 'LAB-0001',
    uuid: '6f0ed3a6-0c5c-4c3e-9a54-0f3b7a6e0001',
    diskPath: join(directory, 'disk.raw'),
    diskSize: 64 * 1024 * 1024,
    workDir: join(directory, 'vm'),
    logPath: join(directory, 'console.log'),
  })
  onTestFinished(() => vm.close())
  await vm.media(0, `${files.url}/m.iso`)
  await vm.start('cd')
  await vm.waitForOff(300_000)
  expect(vm.consoleText()).toMatch(/the tool image says: GPT fdisk/)
})

test('squashfs is made as well, from the same tar', async () => {
  await build('s.iso', '--filesystem', 'squashfs')
  const script = `xorriso -osirrox on -indev /out/s.iso -extract /LiveOS/squashfs.img /tmp/root.img 2>/dev/null
    unsquashfs -lln /tmp/root.img | grep -E ' squashfs-root(/etc/motd|/etc/machine-id)?$'`
  const { stdout } = await inTools(['sh', '-c', script], { binds: binds() })
  expect(stdout).toMatch(/drwxr-xr-x 0\/0 .* squashfs-root\n/)
  expect(stdout).toContain('/etc/machine-id')
  // The upper layer has removed it.
  expect(stdout).not.toContain('/etc/motd')
})

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inTools, mustInTools, spawnInTools } from './programs.ts'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'programs-'))
})

afterAll(() => rm(directory, { recursive: true, force: true }))

test('the tools are the versions the lab needs', async () => {
  const qemu = await mustInTools(['qemu-system-x86_64', '--version'])
  expect(Number(/version (\d+)\./.exec(qemu)?.[1])).toBeGreaterThanOrEqual(10)
})

test.for(
  [
    'bsdtar buildah cosign cpio crun curl docker-registry fdisk genisoimage isoinfo jq mcopy mkfs.erofs mkfs.ext4 mkfs.vfat',
    'mksquashfs objcopy oras podman qemu-img sgdisk skopeo systemd-nspawn ukify xorriso xz zstd 7z',
  ]
    .join(' ')
    .split(' '),
)('%s is there', async (program) => {
  expect((await inTools(['sh', '-c', 'command -v "$0"', program])).code).toBe(0)
})

test("the host's /tmp, /run and devices are out of sight", async () => {
  const seen = await mustInTools(['sh', '-c', 'ls -A /tmp /run; ls /dev'])
  expect(seen.split('\n').slice(0, 3)).toEqual(['/run:', '', '/tmp:'])
  expect(seen).not.toMatch(/vda|sda|nvme|loop/)
})

test('what a program writes outside of its binds is gone afterwards', async () => {
  await mustInTools(['sh', '-c', 'echo x >/usr/bin/left-behind'])
  expect((await inTools(['test', '-e', '/usr/bin/left-behind'])).code).toBe(1)
})

test('a bound directory is written through, a bound read-only file is not', async () => {
  await writeFile(join(directory, 'fixed'), 'fixed')
  const binds = [
    { host: directory, inside: '/out' },
    { host: join(directory, 'fixed'), inside: '/in/fixed', readonly: true },
  ]
  const { code } = await inTools(['sh', '-c', 'cat /in/fixed >copy; echo changed >/in/fixed'], { binds, cwd: '/out' })
  expect(code).not.toBe(0)
  expect(await readFile(join(directory, 'copy'), 'utf8')).toBe('fixed')
  expect(await readFile(join(directory, 'fixed'), 'utf8')).toBe('fixed')
})

test('input reaches the program, and its code and both outputs come back', async () => {
  const result = await inTools(['sh', '-c', 'cat; echo bad >&2; exit 7'], { input: 'given' })
  expect(result).toEqual({ code: 7, stdout: 'given', stderr: 'bad\n' })
})

test('a program that takes too long is killed and said so', async () => {
  await expect(inTools(['sleep', '60'], { timeoutMs: 1500 })).rejects.toMatchObject({ code: 'program-failed' })
})

test('what a program leaves running dies with it', async () => {
  const mark = `left-${process.pid}`
  await mustInTools(['sh', '-c', `bash -c 'exec -a ${mark} sleep 3600' >/dev/null 2>&1 & sleep 0.2`])
  const running = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
  expect(running.filter((line) => line.startsWith(mark))).toEqual([])
})

test('a program without network has no way out', async () => {
  expect(await mustInTools(['ip', 'route'], { network: false })).toBe('')
  expect(await mustInTools(['ip', '-brief', 'address'], { network: false })).not.toMatch(/\d+\.\d+\.\d+\.\d+/)
})

test('a started program is the child itself', async () => {
  const child = await spawnInTools(['sh', '-c', 'echo $$; exec cat'])
  const [pid] = await new Promise<string[]>((resolve) =>
    child.stdout?.once('data', (data: Buffer) => resolve(data.toString().split('\n'))),
  )
  expect(Number(pid)).toBe(child.pid)
  child.stdin?.end()
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0)
})

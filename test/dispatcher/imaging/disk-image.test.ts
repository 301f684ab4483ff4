import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { expect, test } from 'vitest'
import { compress } from 'zstd-napi'
import { openDiskImage } from '../../../src/dispatcher/imaging/disk-image.ts'
import type { Intake } from '../../../src/dispatcher/imaging/intake.ts'
import { gptDisk } from './disk-bytes.ts'
import { qcow2File } from './qcow2-bytes.ts'

const MIB = 1 << 20
const DISK = gptDisk(3 * MIB, randomBytes(MIB))
const QCOW2 = qcow2File(DISK)

function intakeOf(bytes: Uint8Array): Intake {
  async function* stored() {
    for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536)
  }
  return { stored: stored(), content: (source) => source, assertComplete: () => {}, [Symbol.dispose]: () => {} }
}

async function opened(bytes: Uint8Array) {
  const { content, ...facts } = await openDiskImage(intakeOf(bytes), bytes.length)
  return { facts, content: Buffer.concat(await Array.fromAsync(content)) }
}

async function archive(...files: [string, Uint8Array][]): Promise<Buffer> {
  const stream = pack()
  for (const [name, content] of files) stream.entry({ name }, Buffer.from(content))
  stream.finalize()
  return buffer(stream)
}

const README = Buffer.from('what this is')

test.for<[string, () => Promise<Uint8Array> | Uint8Array, number | undefined]>([
  ['a raw image', () => DISK, DISK.length],
  ['gzip of it', () => gzipSync(DISK), undefined],
  [
    'two zstd frames of it',
    () => Buffer.concat([compress(DISK.subarray(0, MIB)), compress(DISK.subarray(MIB))]),
    undefined,
  ],
  ['a container disk', () => archive(['etc/os-release', README], ['disk/disk.img', DISK], ['x', README]), DISK.length],
  ['a compressed layer', async () => gzipSync(await archive(['./disk/disk.img', DISK])), DISK.length],
  ['a compressed file in it', async () => archive(['/disk/disk.img.gz', gzipSync(DISK)]), undefined],
])('the disk comes out of %s', async ([, bytes, fileBytes]) => {
  const { facts, content } = await opened(await bytes())
  const table = { label: 'gpt', sectorBytes: 512, endBytes: DISK.length }
  expect(facts).toEqual({ format: 'raw', table, fileBytes })
  expect(content.equals(DISK)).toBe(true)
})

test.for<[string, () => Promise<Uint8Array> | Uint8Array]>([
  ['as it is', () => QCOW2],
  ['in a container disk', async () => gzipSync(await archive(['disk/fedora.qcow2', QCOW2]))],
])('a qcow2 %s is known by its content, with the size of its disk', async ([, bytes]) => {
  const { facts, content } = await opened(await bytes())
  expect(facts).toEqual({ format: 'qcow2', bytes: DISK.length, fileBytes: QCOW2.length })
  expect(content.equals(QCOW2)).toBe(true)
})

test.for<[string, () => Promise<Uint8Array> | Uint8Array, string]>([
  ['a root file system', () => archive(['etc/passwd', README]), 'without a file in "disk/"'],
  [
    'two images',
    () => archive(['disk/a.img', DISK], ['disk/b.img', DISK]),
    'two files in "disk/"; the second is "disk/b.img"',
  ],
  ['a page of text', () => Buffer.from('<html>'.repeat(2000)), 'it has no partition table'],
  ['nothing', () => new Uint8Array(), 'it has no partition table'],
  ['a VMDK', () => Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(8192)]), 'it is VMDK'],
  ['xz', () => Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(8192)]), 'it is xz'],
])('%s is refused', async ([, bytes, message]) => {
  await expect(opened(await bytes())).rejects.toMatchObject({
    code: 'image-unusable',
    message: expect.stringContaining(message),
  })
})

import { expect, test } from 'vitest'
import { readSegments } from '../../src/isobuilder/segments.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import { planUki } from '../../src/isobuilder/uki.ts'
import { efiProgram } from '../lab/qemu/efi-program.ts'

const OPTIONAL = 0x58 // of a program whose PE header is at 0x40
const TABLE = OPTIONAL + 0xf0

/** A stub with room for more section headers, and a `.sbat`. */
function stubOf(): Buffer {
  const program = efiProgram('stub', 'stay')
  const stub = Buffer.concat([
    program.subarray(0, 0x200),
    Buffer.alloc(0x200),
    program.subarray(0x200),
    Buffer.alloc(0x200),
  ])
  stub.writeUInt32LE(0x400, OPTIONAL + 60)
  stub.writeUInt32LE(0x400, TABLE + 20)
  stub.writeUInt16LE(0x100, OPTIONAL + 70) // NX compatible
  stub.writeUInt16LE(2, 0x46)
  stub.write('.sbat', TABLE + 40, 'latin1')
  stub.set(u32(9, 0x3000, 0x200, stub.length - 0x200), TABLE + 48)
  stub.write('sbat,1,x\n', stub.length - 0x200, 'latin1')
  return stub
}

const KERNEL = efiProgram('kernel', 'stay')
const PARTS = {
  stub: stubOf(),
  linux: bytesSource(KERNEL),
  initrd: bytesSource(Buffer.from('initrd')),
  commandLine: 'quiet',
  release: '6.12',
  osRelease: 'ID=test\n',
}

test('the sections stand behind the stub, aligned in the file and in memory', async () => {
  const image = await planUki(PARTS)
  const bytes = Buffer.concat(await Array.fromAsync(readSegments(image, 0, image.size)))
  const sections = Array.from({ length: bytes.readUInt16LE(0x46) }, (_, index) => {
    const at = TABLE + index * 40
    const [size, address, stored, start] = [8, 12, 16, 20].map((field) => bytes.readUInt32LE(at + field))
    return { name: bytes.toString('latin1', at, at + 8).replaceAll('\0', ''), size, address, stored, start }
  })
  expect(sections.slice(2)).toEqual([
    { name: '.osrel', size: 8, address: 0x4000, stored: 0x200, start: stubOf().length },
    { name: '.cmdline', size: 5, address: 0x5000, stored: 0x200, start: stubOf().length + 0x200 },
    { name: '.uname', size: 4, address: 0x6000, stored: 0x200, start: stubOf().length + 0x400 },
    { name: '.linux', size: KERNEL.length, address: 0x7000, stored: KERNEL.length, start: stubOf().length + 0x600 },
    { name: '.initrd', size: 6, address: 0x8000, stored: 0x200, start: stubOf().length + 0x600 + KERNEL.length },
  ])
  for (const [index, text] of ['ID=test\n', 'quiet', '6.12'].entries()) {
    const start = sections[index + 2]?.start ?? 0
    expect(bytes.toString('latin1', start, start + text.length)).toBe(text)
  }
  expect(bytes.readUInt32LE(OPTIONAL + 56)).toBe(0x9000)
  expect(bytes.length % 0x200).toBe(0)
})

test('the revocation section speaks of unified kernel images, and a kernel that is not NX makes the whole so', async () => {
  const image = await planUki(PARTS)
  const bytes = Buffer.concat(await Array.fromAsync(readSegments(image, 0, stubOf().length)))
  const start = bytes.readUInt32LE(TABLE + 60)
  expect(bytes.toString('latin1', start, start + bytes.readUInt32LE(TABLE + 48))).toMatch(
    /^sbat,1,x\nuki,1,UKI,.*\n\0$/,
  )
  expect(bytes.readUInt16LE(OPTIONAL + 70)).toBe(0)
  expect(PARTS.stub.equals(stubOf())).toBe(true)
})

const SIGNED = stubOf()
SIGNED.writeUInt32LE(0x1000, OPTIONAL + 112 + 32)
const NARROW = stubOf()
NARROW.writeUInt16LE(0x10b, OPTIONAL)

test.for<[string, Partial<typeof PARTS>, string]>([
  ['a stub that is text', { stub: Buffer.alloc(2000, 'x') }, 'it is no PE program'],
  ['a signed stub', { stub: SIGNED }, 'it is signed'],
  ['a 32-bit stub', { stub: NARROW }, 'it is no 64-bit program'],
  ['a stub without room', { stub: efiProgram('x', 'stay') }, 'its headers end after 4'],
  ['a kernel that is text', { linux: bytesSource(Buffer.alloc(2000, 'x')) }, 'it is no program that UEFI can start'],
])('%s is refused', async ([, parts, message]) => {
  const refused = { code: 'boot-image', message: expect.stringContaining(message) }
  await expect(planUki({ ...PARTS, ...parts })).rejects.toMatchObject(refused)
})

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4)
  return bytes
}

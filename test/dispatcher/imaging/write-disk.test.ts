import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { hashThread } from '../../../src/dispatcher/imaging/hash-thread.ts'
import type { Piece } from '../../../src/dispatcher/imaging/pieces.ts'
import { readBack } from '../../../src/dispatcher/imaging/read-back.ts'
import { writeDisk } from '../../../src/dispatcher/imaging/write-disk.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import { scratch } from '../../support/scratch.ts'

const MIB = 1 << 20
const never = new AbortController().signal
let directory = ''
let path = ''

/** What lay on the disk before: nothing of it may be taken for a zero of the image. */
const OLD = Buffer.alloc(24 * MIB, 0xa5)

beforeEach(() => {
  directory = scratch()
  path = join(directory, 'disk')
  writeFileSync(path, OLD)
})
/** Copies: the writer takes what it is given. */
async function* list(pieces: readonly Piece[]): AsyncGenerator<Piece> {
  for (const piece of pieces) yield 'zeros' in piece ? piece : Buffer.from(piece)
}

/** Zeroes like a device, and keeps where. */
function zeroOut(ranges: [number, number][]) {
  return async (offset: number, length: number) => {
    ranges.push([offset / MIB, length / MIB])
    const disk = readFileSync(path)
    disk.fill(0, offset, offset + length)
    writeFileSync(path, disk)
  }
}

const area = (ranges: [number, number][], start = 0, end = OLD.length) => ({
  path,
  start,
  end,
  zeroOut: zeroOut(ranges),
})

test('pieces of any length end up one behind the other, and what follows them stays', async () => {
  const content = randomBytes(3 * MIB + 777)
  const cuts = [0, 1, 4096, 2 * MIB + 5, 3 * MIB, content.length]
  const pieces = cuts.slice(1).map((end, index) => content.subarray(cuts[index], end))
  expect(await writeDisk(area([]), list(pieces), undefined, never)).toEqual({ bytes: content.length, zeroedBytes: 0 })
  expect(readFileSync(path).equals(Buffer.concat([content, OLD.subarray(content.length)]))).toBe(true)
})

test('long runs of zeros are left to the device, short ones are written, and both end as zeros', async () => {
  const ranges: [number, number][] = []
  const [head, middle] = [randomBytes(MIB), randomBytes(2 * MIB)]
  const pieces = [head, { zeros: 2 * MIB }, middle, Buffer.alloc(4 * MIB), { zeros: 3 * MIB + 100 }, Buffer.from('end')]
  await writeDisk(area(ranges), list(pieces), undefined, never)
  expect(ranges).toEqual([[5, 7]])
  const expected = Buffer.concat([head, Buffer.alloc(2 * MIB), middle, Buffer.alloc(7 * MIB + 100), Buffer.from('end')])
  expect(readFileSync(path).subarray(0, expected.length).equals(expected)).toBe(true)
  expect(readFileSync(path)[expected.length]).toBe(0xa5)
})

test('zeros at the end are zeros, also where nobody can zero a range', async () => {
  const pieces = [Buffer.from('x'), { zeros: 9 * MIB }]
  await writeDisk({ ...area([]), zeroOut: undefined }, list(pieces), undefined, never)
  expect(
    readFileSync(path)
      .subarray(1, 9 * MIB + 1)
      .every((byte) => byte === 0),
  ).toBe(true)
  expect(readFileSync(path)[9 * MIB + 1]).toBe(0xa5)
})

test('the digest that is read back is that of what was written', async () => {
  using written = hashThread('sha256')
  using read = hashThread('sha256')
  let counted = 0
  const meter = {
    add(bytes: number) {
      counted += bytes
    },
  }
  const content = randomBytes(5 * MIB + 13)
  await writeDisk(area([], 2 * MIB), list([content, { zeros: 6 * MIB }]), written, never)
  const expected = sha256(Buffer.concat([content, Buffer.alloc(6 * MIB)]))
  expect(`sha256:${await written.digest()}`).toBe(expected)
  expect(`sha256:${await readBack({ path, start: 2 * MIB }, content.length + 6 * MIB, read, meter, never)}`).toBe(
    expected,
  )
  expect(counted).toBe(content.length + 6 * MIB)
  expect(readFileSync(path)[2 * MIB - 1]).toBe(0xa5)
})

test.for<[string, Piece]>([
  ['bytes', Buffer.alloc(2 * MIB, 1)],
  ['zeros', { zeros: 2 * MIB }],
])('more %s than the disk has are an error, and nothing behind its end is touched', async ([, piece]) => {
  const end = 3 * MIB
  const write = writeDisk(area([], 0, end), list([piece, piece]), undefined, never)
  await expect(write).rejects.toMatchObject({ code: 'image-unusable', message: expect.stringContaining('3.0 MiB') })
  expect(readFileSync(path)[end]).toBe(0xa5)
})

test('a source that breaks, and a stop, end the writing with their own error', async () => {
  async function* broken(): AsyncGenerator<Piece> {
    yield Buffer.alloc(MIB, 1)
    throw new Error('line cut')
  }
  await expect(writeDisk(area([]), broken(), undefined, never)).rejects.toThrow('line cut')
  const stop = new AbortController()
  async function* stopping(): AsyncGenerator<Piece> {
    stop.abort(new Error('stopped by SIGTERM'))
    yield Buffer.alloc(MIB, 1)
  }
  await expect(writeDisk(area([]), stopping(), undefined, stop.signal)).rejects.toThrow('stopped by SIGTERM')
})

test('a disk that fails is named', async () => {
  const full = { path: '/dev/full', start: 0, end: OLD.length, zeroOut: undefined }
  await expect(writeDisk(full, list([Buffer.alloc(2 * MIB, 1)]), undefined, never)).rejects.toMatchObject({
    code: 'step-failed',
    message: 'Cannot write /dev/full',
  })
})

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { qcow2Pieces } from '../../../src/dispatcher/imaging/qcow2/clusters.ts'
import { parseQcow2Header } from '../../../src/dispatcher/imaging/qcow2/header.ts'
import { qcow2File } from './qcow2-bytes.ts'

const CLUSTER = 65536
const DISK = Buffer.concat([randomBytes(3 * CLUSTER), Buffer.alloc(5 * CLUSTER), randomBytes(CLUSTER + 512)])
const FILE = qcow2File(DISK)

async function converted(file: Buffer): Promise<Buffer> {
  const readAt = async (position: number, length: number) => file.subarray(position, position + length)
  const pieces = await Array.fromAsync(qcow2Pieces(readAt, file.length))
  return Buffer.concat(pieces.map((piece) => ('zeros' in piece ? Buffer.alloc(piece.zeros) : piece)))
}

test('clusters come in the order of the disk, and what is not in the file is zeros', async () => {
  expect((await converted(FILE)).equals(DISK)).toBe(true)
})

function changed(change: (file: Buffer) => void): Buffer {
  const file = Buffer.from(FILE)
  change(file)
  return file
}

test.for<[string, (file: Buffer) => void, string]>([
  ['with a backing file', (file) => file.writeBigUInt64BE(512n, 8), 'needs a backing file'],
  ['that is encrypted', (file) => file.writeUInt32BE(2, 32), 'it is encrypted'],
  ['that is marked corrupt', (file) => file.writeBigUInt64BE(2n, 72), 'marked as corrupt'],
  ['whose data is elsewhere', (file) => file.writeBigUInt64BE(4n, 72), 'in another file'],
  ['with subclusters', (file) => file.writeBigUInt64BE(16n, 72), 'extended tables'],
  ['of the future', (file) => file.writeBigUInt64BE(1n << 40n, 72), 'features that are not known'],
  ['of version 9', (file) => file.writeUInt32BE(9, 4), 'it has version 9'],
  ['with clusters of 2 GiB', (file) => file.writeUInt32BE(31, 20), '2^31 bytes'],
  ['whose table is too small', (file) => file.writeUInt32BE(0, 36), 'not the size of its disk'],
  ['compressed in a new way', (file) => file.writeBigUInt64BE(8n, 72) && file.writeUInt8(7, 104), 'by method 7'],
])('a file %s is refused', ([, change, message]) => {
  expect(() => parseQcow2Header(changed(change))).toThrow(message)
})

test.for<[string, (file: Buffer) => void, string]>([
  ['a table behind its end', (file) => file.writeBigUInt64BE(BigInt(64 * CLUSTER), CLUSTER), 'its tables name byte'],
  [
    'a cluster behind its end',
    (file) => file.writeBigUInt64BE(BigInt(64 * CLUSTER), 2 * CLUSTER),
    'its tables name byte',
  ],
  [
    'a cluster between two',
    (file) => file.writeBigUInt64BE(BigInt(CLUSTER + 512), 2 * CLUSTER),
    'its tables are damaged',
  ],
  [
    'a compressed cluster of noise',
    (file) => file.writeBigUInt64BE((1n << 62n) | BigInt(3 * CLUSTER), 2 * CLUSTER),
    'is damaged',
  ],
])('a file that names %s ends in an error', async ([, change, message]) => {
  await expect(converted(changed(change))).rejects.toThrow(message)
})

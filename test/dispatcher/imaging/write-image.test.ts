import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { TableFacts } from '../../../src/dispatcher/imaging/partition-table.ts'
import { type WriteRequest, writeImage } from '../../../src/dispatcher/imaging/write-image.ts'
import { scratch } from '../../support/scratch.ts'
import { gptDisk } from './disk-bytes.ts'
import { qcow2File } from './qcow2-bytes.ts'

const MIB = 1 << 20
const OLD = Buffer.alloc(12 * MIB, 0xa5)
let path = ''
let directory = ''

beforeEach(() => {
  directory = scratch()
  path = join(directory, 'disk')
  writeFileSync(path, OLD)
})
/** Writes a qcow2 of `disk` onto the file, as onto a disk of which `checkTable` knows the sectors. */
function write(disk: Buffer, checkTable: (table: TableFacts) => void, change: Partial<WriteRequest> = {}) {
  const file = qcow2File(disk)
  async function* content() {
    yield file
  }
  const image = { format: 'qcow2', bytes: disk.length, fileBytes: file.length, content: content() } as const
  const request = {
    image,
    intake: { assertComplete: () => undefined },
    disk: { path, bytes: OLD.length, zeroOut: undefined },
    checkTable,
    memory: { directory, bytes: 0 },
    startMeter: () => ({ add: () => undefined }),
    forget: undefined,
    ...change,
  }
  return writeImage(request, new AbortController().signal)
}

test('the table inside a qcow2 is looked at before anything is converted', async () => {
  const disk = gptDisk(4 * MIB, randomBytes(MIB))
  const tables: TableFacts[] = []
  const refuse = (table: TableFacts) => {
    tables.push(table)
    throw new Error('for sectors of another size')
  }
  await expect(write(disk, refuse)).rejects.toThrow('for sectors of another size')
  expect(tables).toEqual([{ label: 'gpt', sectorBytes: 512, endBytes: 4 * MIB }])
  expect(readFileSync(path).subarray(0, disk.length).equals(OLD.subarray(0, disk.length))).toBe(true)

  await write(disk, () => undefined)
  expect(readFileSync(path).subarray(0, disk.length).equals(disk)).toBe(true)
})

test('a qcow2 of something that is no whole disk is never converted', async () => {
  await expect(write(randomBytes(MIB).fill(0, 0, 8192), () => undefined)).rejects.toThrow('it has no partition table')
  expect(readFileSync(path).subarray(0, MIB).equals(OLD.subarray(0, MIB))).toBe(true)
})

test('what reads no byte of the artifact is a phase with a meter of its own, each counted to its end', async () => {
  const disk = gptDisk(4 * MIB, randomBytes(MIB))
  const phases: { what: string; total: number; done: number }[] = []
  const startMeter = (what: string, total: number) => {
    const phase = { what, total, done: 0 }
    phases.push(phase)
    const add = (bytes: number) => {
      phase.done += bytes
    }
    return { add }
  }
  await write(disk, () => undefined, { startMeter, forget: async () => undefined })
  expect(phases.map(({ what }) => what)).toEqual(['reading back', 'converting', 'reading back'])
  for (const { total, done } of phases) expect(done).toBe(total)
  expect(phases[1]?.total).toBe(disk.length)
})

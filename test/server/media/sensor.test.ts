import { expect, test } from 'vitest'
import type { Region } from '../../../src/isobuilder/regions.ts'
import type { MediaRead, SensorState } from '../../../src/server/media/sensor.ts'
import {
  bootSummary,
  mediaMap,
  newSensor,
  observe,
  rootProgress,
  stalledFor,
} from '../../../src/server/media/sensor.ts'

const MiB = 1024 * 1024

const REGIONS: readonly Region[] = [
  { kind: 'boot-record', name: 'boot record', start: 34_816, end: 36_864 },
  { kind: 'esp', name: 'boot partition', start: 1 * MiB, end: 1 * MiB + 65_536 },
  { kind: 'kernel', name: 'files of the boot partition', start: 1 * MiB + 65_536, end: 20 * MiB },
  { kind: 'root', name: 'layers/a.erofs', start: 20 * MiB, end: 60 * MiB },
  { kind: 'root', name: 'layers/b.erofs', start: 60 * MiB, end: 120 * MiB },
  { kind: 'task', name: 'task medium', start: 120 * MiB, end: Number.MAX_SAFE_INTEGER },
]
const map = mediaMap(REGIONS)

/** `[start, bytes]` each, `every` milliseconds apart. */
function after(reads: readonly (readonly [number, number])[], every = 10): { state: SensorState; begun: string[] } {
  let state = newSensor(map)
  const begun: string[] = []
  for (const [index, [start, bytes]] of reads.entries()) {
    const read: MediaRead = { start, end: start + bytes, at: (index + 1) * every }
    const next = observe(state, map, read)
    state = next.state
    begun.push(...next.begun)
  }
  return { state, begun }
}

const HEADER = [32_768, 2048] as const
const RECORD = [34_816, 2048] as const
const ESP = [MiB, 4096] as const
const DIRECTORY = [MiB + 65_536, 4096] as const
const KERNEL = [MiB + 131_072, MiB] as const
const TASK = [120 * MiB + 32_768, 2048] as const
const rootReads = (mebibytes: number) =>
  Array.from({ length: mebibytes }, (_, index) => [(20 + index) * MiB, MiB] as const)

test.for<[string, (readonly [number, number])[], string[], string]>([
  ['nothing', [], [], 'the BMC never fetched the URL of the boot medium'],
  ['the header', [HEADER], ['header'], 'the server read the volume header but never the boot record'],
  [
    'the boot record',
    [HEADER, RECORD],
    ['header', 'boot-record'],
    'the server read the boot record but never the boot partition',
  ],
  [
    'directories of the boot partition',
    [HEADER, RECORD, ESP, DIRECTORY],
    ['header', 'boot-record', 'esp'],
    'the server read the boot partition but never the kernel',
  ],
  [
    'firmware that looks at the end, and reading ahead',
    [HEADER, TASK, [20 * MiB, 65_536], RECORD],
    ['header', 'boot-record'],
    'the server read the boot record but never the boot partition',
  ],
  [
    'the kernel',
    [HEADER, RECORD, ESP, KERNEL],
    ['header', 'boot-record', 'esp', 'kernel'],
    'the server read the kernel but never the root image',
  ],
  [
    'one range over everything',
    [[0, 120 * MiB]],
    ['header', 'boot-record', 'esp', 'kernel', 'root'],
    'the server has read 100 % of the root image, 0 B/s',
  ],
  [
    'the task',
    [KERNEL, ...rootReads(1), TASK],
    ['kernel', 'root', 'task'],
    'the server read the task medium, so the maintenance OS runs; it does not reach the controller',
  ],
])('after %s the stages and the message are right', ([, reads, stages, message]) => {
  const { state, begun } = after(reads)
  expect(begun).toEqual(stages)
  expect(bootSummary(state, map, (state.lastAt ?? 0) + 1000)).toBe(message)
})

test('a boot that stops says where, how fast it was before, and for how long nothing came', () => {
  const { state } = after([HEADER, RECORD, ESP, KERNEL, ...rootReads(62)], 2000)
  const last = state.lastAt ?? 0
  expect(bootSummary(state, map, last + 5_000)).toBe('the server has read 62 % of the root image, 512 KiB/s')
  expect(stalledFor(state, last + 59_000)).toBeUndefined()
  expect(bootSummary(state, map, last + 90_000)).toBe(
    'the server stalled at 62 % of the root image, 512 KiB/s; nothing was read for 90 s',
  )
  expect(bootSummary(state, map, last + 7_200_000)).toMatch(/nothing was read for 120 min$/)
})

test('what is read twice counts once', () => {
  const { state } = after([...rootReads(10), ...rootReads(10)])
  expect(rootProgress(state, map)).toEqual({ bytes: 10 * MiB, totalBytes: 100 * MiB })
})

test('a hundred thousand small reads take little time and no more memory', () => {
  const begun = process.threadCpuUsage()
  let state = newSensor(map)
  for (let index = 0; index < 100_000; index++) {
    const start = 20 * MiB + ((index * 7919 * 2048) % (100 * MiB))
    state = observe(state, map, { start, end: start + 2048, at: index }).state
  }
  expect(state.bytes).toBe(100_000 * 2048)
  expect(state.root.blocks.length).toBe(1600)
  expect(process.threadCpuUsage(begun).user / 1000).toBeLessThan(2_000)
})

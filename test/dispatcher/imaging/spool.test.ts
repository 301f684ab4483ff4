import { expect, test } from 'vitest'
import { progressLine, startMeter } from '../../../src/dispatcher/imaging/meter.ts'
import { planSpool } from '../../../src/dispatcher/imaging/spool.ts'

const GIB = 1024 ** 3

function plan(diskGib: number, imageGib: number, fileGib: number | undefined, memoryGib: number) {
  return planSpool({
    disk: { path: '/dev/sda', bytes: diskGib * GIB, zeroOut: undefined },
    imageBytes: imageGib * GIB,
    fileBytes: fileGib === undefined ? undefined : fileGib * GIB,
    memory: { directory: '/run', bytes: memoryGib * GIB },
  })
}

test.for<[string, number, number, number | undefined, number, 'disk' | 'memory']>([
  ['behind the image where there is room', 100, 10, 2, 16, 'disk'],
  ['in memory where the image fills the disk', 10, 10, 2, 16, 'memory'],
  ['behind the image when nobody knows how large it is, and there is more room', 100, 10, undefined, 16, 'disk'],
  ['in memory when that has more', 12, 10, undefined, 16, 'memory'],
])('a qcow2 waits %s', ([, disk, image, file, memory, expected]) => {
  expect(plan(disk, image, file, memory)).toBe(expected)
})

test('without room in either place it is refused with the sizes', () => {
  expect(() => plan(11, 10, 3, 2)).toThrow(
    'the file has 3.0 GiB, the image 10.0 GiB, and there are 1.0 GiB behind it and 2.0 GiB of memory',
  )
})

test('progress is told with rate and estimate, at most every ten seconds', () => {
  let now = 0
  const said: string[] = []
  const posted: number[] = []
  const meter = startMeter('writing', 4 * GIB, {
    say: (line) => said.push(line),
    progress: { bytes: (done) => posted.push(done), note: () => undefined },
    now: () => now,
  })
  for (let second = 1; second <= 20; second++) {
    now = second * 1000
    meter.add(100 * 1024 ** 2)
  }
  expect(posted).toHaveLength(20)
  expect(said).toEqual([
    'writing: 1000 MiB of 4.0 GiB (24 %), 100 MiB/s, 30 s left',
    'writing: 2.0 GiB of 4.0 GiB (48 %), 100 MiB/s, 20 s left',
  ])
  // The disk's flush and what is read back are no part of it.
  now = 500_000
  expect(meter.summary()).toBe('2.0 GiB in 20.0 s, 100 MiB/s')
})

test('what is done between the first look and the writing takes no time of the stream, and no byte is called written before', () => {
  let now = 0
  const [said, phases]: [string[], string[]] = [[], []]
  const meter = startMeter('reading', GIB, {
    say: (line) => said.push(line),
    progress: { bytes: (_done, _total, phase) => phases.push(phase), note: () => undefined },
    now: () => now,
  })
  meter.add(24 * 1024 ** 2)
  now = 120_000
  meter.restart('writing')
  expect(meter.summary()).toBe('24.0 MiB')
  now = 130_000
  meter.add(1000 * 1024 ** 2)
  expect(phases).toEqual(['reading', 'writing'])
  expect(said).toEqual(['writing: 1.0 GiB of 1.0 GiB (100 %), 100 MiB/s, 0 s left'])
  expect(meter.summary()).toBe('1.0 GiB in 10.0 s, 102 MiB/s')
})

test('a connection that breaks is told on the screen and among the events, once a minute however often it breaks', () => {
  let now = 0
  const [said, noted]: [string[], string[]] = [[], []]
  const meter = startMeter('writing', 4 * GIB, {
    say: (line) => said.push(line),
    progress: { bytes: () => undefined, note: (text) => noted.push(text) },
    now: () => now,
  })
  meter.add(GIB)
  for (; now < 90_000; now += 1000) meter.broke(new Error('read ECONNRESET'))
  expect(noted).toEqual(Array(2).fill('the connection broke at 1.0 GiB of 4.0 GiB, trying again: read ECONNRESET'))
  expect(said).toEqual(noted)
})

test('a standstill gives no estimate', () => {
  expect(progressLine('writing', GIB, 2 * GIB, 0)).toBe('writing: 1.0 GiB of 2.0 GiB (50 %), 0 B/s')
})

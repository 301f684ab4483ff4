import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findVolume } from '../../../src/dispatcher/medium.ts'
import { openIso } from '../../../src/isobuilder/reader.ts'
import { combinedMedium, taskOffset } from '../../../src/server/media/combined.ts'
import type { Medium } from '../../../src/server/media/medium.ts'
import { planMedium } from '../../../src/server/media/medium.ts'
import { bytesOf, file, mediumOf, planOf } from '../../isobuilder/image-bytes.ts'

const signal = new AbortController().signal

async function bytes(medium: Medium, start = 0, end = medium.size): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(medium.read(start, end, signal)))
}

function mediumOfBytes(content: Buffer): Medium {
  return {
    size: content.length,
    etag: `"${content.length}"`,
    read: async function* (start, end) {
      if (start < end) yield content.subarray(start, end)
    },
  }
}

const maintenance = planOf([file('layers/root.erofs', 'r'.repeat(5000))], 'MAINTENANCE')
const task = planOf([file('recipe.json', '{}\n')], 'TASK_1')

test.for([0, 1, 2047, 2048])(
  '%i bytes behind the maintenance volume: its bytes are unchanged, the task is found behind',
  async (extra) => {
    const first = Buffer.concat([await bytesOf(maintenance), Buffer.alloc(extra, 7)])
    const combined = combinedMedium(mediumOfBytes(first), planMedium(task))
    const whole = await bytes(combined)
    const base = taskOffset({ size: first.length })
    expect(whole.length).toBe(combined.size)
    expect(whole.subarray(0, first.length).equals(first)).toBe(true)
    expect(whole.subarray(first.length, base).every((byte) => byte === 0)).toBe(true)
    expect(whole.subarray(base).equals(await bytesOf(task))).toBe(true)

    expect(await findVolume(mediumOf(whole))).toEqual({ label: 'TASK_1', base })
    const image = await openIso(mediumOf(whole), base)
    expect(Buffer.from(await image.read('recipe.json', 100)).toString()).toBe('{}\n')
  },
)

test('any range is that range of the whole', async () => {
  const combined = combinedMedium(mediumOfBytes(Buffer.alloc(5000, 1)), mediumOfBytes(Buffer.alloc(3000, 2)))
  const whole = await bytes(combined)
  const offsets = fc.tuple(fc.nat(combined.size), fc.nat(combined.size))
  await fc.assert(
    fc.asyncProperty(offsets, async ([a, b]) => {
      const [start, end] = a < b ? [a, b] : [b, a]
      expect((await bytes(combined, start, end)).equals(whole.subarray(start, end))).toBe(true)
    }),
  )
})

test('another task or another maintenance image is another entity', () => {
  const one = mediumOfBytes(Buffer.alloc(5000))
  const [two, three] = [mediumOfBytes(Buffer.alloc(6000)), mediumOfBytes(Buffer.alloc(7000))]
  const tags = [combinedMedium(one, two), combinedMedium(one, three), combinedMedium(two, one)].map(({ etag }) => etag)
  expect(new Set(tags).size).toBe(3)
})

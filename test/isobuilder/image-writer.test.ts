import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { readIso } from '../../src/isobuilder/image.ts'
import { writeImage } from '../../src/isobuilder/image-writer.ts'
import type { Source } from '../../src/isobuilder/source.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { scratch } from '../support/scratch.ts'
import { file, planOf } from './image-bytes.ts'

const never = new AbortController().signal
const MIB = 1024 * 1024
let directory: string

beforeEach(() => {
  directory = scratch()
})

/** Pieces of a large file, each at its own time; those that touch `badFrom` fail. */
function pieces(size: number, badFrom = Number.POSITIVE_INFINITY): { source: Source; pending: () => number } {
  const content = Buffer.from(Array.from({ length: 251 * 256 }, (_, index) => index % 251))
  let pending = 0
  const source: Source = {
    size,
    digest: sha256('pieces'),
    async read(offset, length, _signal, into = Buffer.alloc(length)) {
      pending++
      await new Promise((resolve) => setImmediate(resolve))
      pending--
      if (offset + length > badFrom) throw new Error('gone')
      for (let at = 0; at < length; ) {
        const part = content.subarray((offset + at) % content.length).subarray(0, length - at)
        into.set(part, at)
        at += part.length
      }
      return into
    },
  }
  return { source, pending: () => pending }
}

test('what is written in many chunks is the image', async () => {
  const plan = planOf([file('a', 'before'), { path: 'b', source: pieces(33 * MIB + 5).source }, file('c', 'behind')])
  const path = join(directory, 'a.iso')
  const output = await open(path, 'w')
  await writeImage(plan, output, never)
  await output.close()
  const wanted = createHash('sha256')
  for await (const chunk of readIso(plan, 0, plan.size)) wanted.update(chunk)
  expect(sha256(await readFile(path))).toBe(`sha256:${wanted.digest('hex')}`)
})

test('a source that fails in the middle ends the write, and nothing of it goes on', async () => {
  const { source, pending } = pieces(8 * MIB, 3 * MIB)
  const output = await open(join(directory, 'a.iso'), 'w')
  await expect(writeImage(planOf([{ path: 'b', source }]), output, never)).rejects.toThrow('gone')
  expect(pending()).toBe(0)
  await output.close()
})

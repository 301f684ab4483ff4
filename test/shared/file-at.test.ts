import type { FileHandle } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { readAt, writeAt } from '../../src/shared/file-at.ts'

/** Takes and gives at most three bytes at a time, as a pipe, a full disk or a file system in user space may. */
function reluctantFile(content: Buffer): FileHandle {
  const file = {
    async read(into: Uint8Array, offset: number, length: number, at: number) {
      const bytes = content.subarray(at, at + Math.min(3, length))
      into.set(bytes, offset)
      return { bytesRead: bytes.length, buffer: into }
    },
    async write(bytes: Uint8Array, offset: number, length: number, at: number) {
      const bytesWritten = Math.min(3, length)
      content.set(bytes.subarray(offset, offset + bytesWritten), at)
      return { bytesWritten, buffer: bytes }
    },
  }
  return file as unknown as FileHandle
}

test.for([
  [0, 'abcdefgh'],
  [1, 'bcdefghi'],
  [5, 'fghij'],
  [10, ''],
] as const)('a file that gives little at a time is read at %i until memory or file ends', async ([at, text]) => {
  const into = Buffer.alloc(8)
  const bytes = await readAt(reluctantFile(Buffer.from('abcdefghij')), into, at)
  expect(into.toString('utf8', 0, bytes)).toBe(text)
})

test('a file that takes little at a time gets all of the bytes', async () => {
  const content = Buffer.from('..........')
  await writeAt(reluctantFile(content), Buffer.from('abcdefg'), 2)
  expect(content.toString()).toBe('..abcdefg.')
})

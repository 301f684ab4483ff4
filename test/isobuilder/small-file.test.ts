import { execFileSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readingThread } from '../../src/isobuilder/reading-thread.ts'
import { readSmallFile, SMALL_BYTES } from '../../src/isobuilder/small-file.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { scratch } from '../support/scratch.ts'

/** What each of the two readers gives; they are two texts, for a thread can import nothing. */
const CASES = {
  empty: 0,
  tiny: 1,
  'as large as small is': SMALL_BYTES,
  'a byte larger': SMALL_BYTES + 1,
  link: -1,
  directory: -1,
  absent: -1,
  // It is not waited for: to open it is not to wait, and it has no places (ESPIPE).
  pipe: -1,
} as const

test('a small file is read alike by this thread and by the other', async () => {
  const root = scratch()
  const paths = Object.keys(CASES).map((name) => join(root, name))
  const content = (bytes: number) => Buffer.alloc(bytes, 'some text')
  for (const name of ['empty', 'tiny', 'as large as small is', 'a byte larger'] as const)
    await writeFile(join(root, name), content(CASES[name]))
  await symlink('tiny', join(root, 'link'))
  await mkdir(join(root, 'directory'))
  execFileSync('mkfifo', [join(root, 'pipe')])

  const isSmall = (size: number) => size >= 0 && size <= SMALL_BYTES
  for (const [name, size] of Object.entries(CASES)) {
    const read = () => readSmallFile(join(root, name))
    if (size < 0) expect(read, name).toThrow(expect.objectContaining({ code: 'iso-plan' }))
    else expect(read(), name).toEqual(isSmall(size) ? content(size) : undefined)
  }

  using thread = readingThread()
  thread.send({ first: 7, paths })
  const { first, bytes, sizes, digests, last } = await thread.answer()
  const expected = Object.values(CASES).map((size) => (isSmall(size) ? size : -1))
  expect({ first, sizes: [...sizes], last }).toEqual({ first: 7, sizes: expected, last: true })
  const contents = expected.filter((size) => size >= 0).map(content)
  expect(
    Buffer.from(bytes).subarray(
      0,
      contents.reduce((sum, { length }) => sum + length, 0),
    ),
  ).toEqual(Buffer.concat(contents))
  const hashes = expected.map((size) => sha256(content(Math.max(size, 0))).slice('sha256:'.length))
  expect(digests).toBe(hashes.join(''))
})

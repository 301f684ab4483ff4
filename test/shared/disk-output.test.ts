import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { diskOutput, pages } from '../../src/shared/disk-output.ts'
import { scratch } from '../support/scratch.ts'

const KIB = 1024
let directory: string
let path: string

beforeEach(() => {
  directory = scratch()
  path = join(directory, 'a.img')
})

test('memory of pages can be written past the page cache', async ({ skip }) => {
  const { O_WRONLY, O_CREAT, O_DIRECT } = constants
  const file = await open(path, O_WRONLY | O_CREAT | O_DIRECT).catch(() => skip('the file system has no direct I/O'))
  expect(await file.write(pages(1024 * KIB).fill(7), 0, 1024 * KIB, 0)).toMatchObject({ bytesWritten: 1024 * KIB })
  await file.close()
})

test('what suits direct I/O and what does not is all in the file', async () => {
  const pieces = [
    pages(256 * KIB),
    new Uint8Array(pages(64 * KIB + 1).buffer, 1),
    Buffer.alloc(64 * KIB),
    pages(6 * KIB),
  ]
  const file = await open(path, 'w')
  await using output = await diskOutput(file)
  let at = 0
  for (const [index, piece] of pieces.entries()) {
    await output.write(piece.fill(index + 1), at)
    at += piece.length
  }
  await output.flushed()
  await file.close()
  expect((await readFile(path)).equals(Buffer.concat(pieces))).toBe(true)
})

test('what goes through the page cache is flushed on the way', async () => {
  const file = await open(path, 'w')
  await using output = await diskOutput(file)
  const piece = Buffer.alloc(1024 * KIB, 9)
  for (let index = 0; index < 33; index++) await output.write(piece, 1 + index * piece.length)
  await output.flushed()
  expect((await file.stat()).size).toBe(1 + 33 * piece.length)
  await file.close()
})

test('a file that cannot be written says so', async () => {
  await (await open(path, 'w')).close()
  const file = await open(path, 'r')
  await using output = await diskOutput(file)
  await file.close()
  await expect(output.write(Buffer.alloc(1), 1)).rejects.toThrow('closed')
})

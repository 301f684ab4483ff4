import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DraftEntry } from '../../src/isobuilder/draft.ts'
import { fileEntries } from '../../src/isobuilder/file-entries.ts'
import { sha256 } from '../../src/shared/digest.ts'

const never = new AbortController().signal
const LARGE = 64 * 1024 + 1
const SMALL_ROOM = 66 * 1024
let directory: string
/** Enough for the second thread, with files that it cannot read or keep at its end and at ours. */
const contents = new Map(Array.from({ length: 3000 }, (_, index) => [`f${index}`, `content ${index}`]))

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'files-'))
  for (const name of ['f3', 'f2050']) contents.set(name, 'x'.repeat(LARGE))
  contents.set('f2051', '')
  for (const [name, content] of contents) writeFileSync(join(directory, name), content)
})

afterAll(() => rmSync(directory, { recursive: true }))

async function read(heldBytes: number, files = [...contents.keys()], signal = never) {
  const lost: string[] = []
  const unreadable = (path: string) => lost.push(path)
  using reading = fileEntries(directory, heldBytes, unreadable)
  for (const path of files) reading.add(path)
  return { entries: await reading.entries(signal), lost }
}

/** Its size when it is left for later, its bytes when they are right. */
function told(entry: DraftEntry): string | number | undefined {
  if ('unread' in entry) return entry.unread.size
  if (!('source' in entry) || entry.source.digest !== sha256(entry.source.held ?? 'not held')) return undefined
  return Buffer.from(entry.source.held ?? []).toString()
}

test('files that two threads read are those that are there, in order; large ones are left', async () => {
  const { entries, lost } = await read(64 * 1024 * 1024)
  expect(entries.map(({ path }) => path)).toEqual([...contents.keys()])
  expect(entries.map(told)).toEqual([...contents.values()].map((text) => (text.length === LARGE ? LARGE : text)))
  expect(lost).toEqual([])
})

test('no more is kept than may be', async () => {
  const { entries } = await read(SMALL_ROOM)
  const kept = entries.map(told).filter((text) => typeof text === 'string')
  expect(kept.join('').length).toBeLessThanOrEqual(SMALL_ROOM)
  expect(entries).toHaveLength(contents.size)
})

test('files that are gone are told, whoever was to read them', async () => {
  const { entries, lost } = await read(64 * 1024 * 1024, ['gone', ...contents.keys(), 'lost'])
  expect(lost.sort()).toEqual(['gone', 'lost'])
  expect(entries).toHaveLength(contents.size)
})

test('a stop ends the reading', async () => {
  await expect(read(64 * 1024 * 1024, undefined, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
})

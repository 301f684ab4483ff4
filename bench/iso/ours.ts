import { entriesOf } from '../../src/isobuilder/directory.ts'
import { unreadFile } from '../../src/isobuilder/draft.ts'
import { readIso } from '../../src/isobuilder/image.ts'
import { createIso } from '../../src/isobuilder/image-file.ts'
import type { IsoPlan } from '../../src/isobuilder/plan.ts'
import { planIso } from '../../src/isobuilder/plan.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'

const never = new AbortController().signal

/** What a task medium holds. */
export function taskEntries(serial: string): Entry[] {
  const texts = { 'recipe.json': 2500, 'recipe.schema.json': 9000, 'user-data': 3000, 'job.json': 900, 'ks.cfg': 1500 }
  return Object.entries(texts).map(([path, size]) => ({
    path,
    source: bytesSource(Buffer.alloc(size, `${serial} ${path} `)),
  }))
}

export function planOf(entries: readonly Entry[]): IsoPlan {
  const result = planIso(entries, { label: 'BENCH' })
  if (!result.ok) throw new Error(JSON.stringify(result.problems[0]))
  return result.plan
}

/** Seconds for one task image, planned and read into memory as the controller does it. */
export async function taskImages(count: number): Promise<number> {
  const begin = performance.now()
  for (let index = 0; index < count; index++) {
    const plan = planOf(taskEntries(`SERIAL-${index}`))
    for await (const chunk of readIso(plan, 0, plan.size)) if (chunk.length === 0) throw new Error('empty')
  }
  return (performance.now() - begin) / 1000 / count
}

/** Seconds. */
export interface Written {
  /** Reading the tree: names, and small files with their digests. */
  readonly read: number
  /** Deciding every byte, reading the other files, writing, fsync. */
  readonly write: number
}

/** As `iso create` does it. */
export async function writeTree(directory: string, output: string): Promise<Written> {
  const [entries, read] = await timed(() => entriesOf(directory, never))
  const [, write] = await timed(() => createIso(entries, { label: 'BENCH' }, output, never))
  return { read, write }
}

/** A large file whose digest is not known: read once, while the image is written. */
export async function writeFile(file: string, output: string): Promise<number> {
  const entries = [{ path: 'big.img', unread: unreadFile(file) }]
  const [, seconds] = await timed(() => createIso(entries, { label: 'BENCH' }, output, never))
  return seconds
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const begin = performance.now()
  const result = await work()
  return [result, (performance.now() - begin) / 1000]
}

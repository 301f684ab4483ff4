import { entriesOf } from '../../src/isobuilder/directory.ts'
import { readIso } from '../../src/isobuilder/image.ts'
import { writeIso } from '../../src/isobuilder/image-file.ts'
import type { IsoPlan } from '../../src/isobuilder/plan.ts'
import { planIso } from '../../src/isobuilder/plan.ts'
import { readAhead } from '../../src/isobuilder/read-ahead.ts'
import { bytesSource, fileSource } from '../../src/isobuilder/source.ts'
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

export interface Written {
  /** Reading the tree, with a digest of each file; deciding every byte; writing and fsync. Seconds. */
  readonly read: number
  readonly plan: number
  readonly write: number
  readonly size: number
}

export async function writeTree(directory: string, output: string): Promise<Written> {
  const [entries, read] = await timed(() => entriesOf(directory, never))
  const [plan, planned] = await timed(async () => planOf(entries))
  const [, write] = await timed(() => writeIso(plan, output, never))
  return { read, plan: planned, write, size: plan.size }
}

/** A file whose digest is known, as a blob of the registry has one. */
export async function writeFile(file: string, size: number, output: string): Promise<number> {
  const source = fileSource(file, size, `sha256:${'0'.repeat(64)}`)
  const plan = planOf([{ path: 'big.img', source }])
  const [, seconds] = await timed(() => writeIso(plan, output, never))
  return seconds
}

/** Ranges of 2 KiB a second, one after another: as they are asked for, and with blocks read ahead. */
export async function rangesPerSecond(file: string, size: number, files?: Parameters<typeof fileSource>[3]) {
  const plan = planOf([{ path: 'big.img', source: fileSource(file, size, `sha256:${'0'.repeat(64)}`, files) }])
  const count = 5000
  const at = (index: number, random: boolean) =>
    (random ? (index * 7919) % Math.floor(plan.size / 2048) : index + 100) * 2048
  const direct = (random: boolean) =>
    rate(count, async (index) => {
      const start = at(index, random)
      for await (const chunk of readIso(plan, start, start + 2048)) if (chunk.length !== 2048) throw new Error('short')
    })
  const reader = readAhead(plan)
  return {
    sequential: await direct(false),
    random: await direct(true),
    ahead: await rate(count, async (index) => void (await reader.read(at(index, false), at(index, false) + 2048))),
  }
}

async function rate(count: number, read: (index: number) => Promise<void>): Promise<number> {
  const begin = performance.now()
  for (let index = 0; index < count; index++) await read(index)
  return count / ((performance.now() - begin) / 1000)
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const begin = performance.now()
  const result = await work()
  return [result, (performance.now() - begin) / 1000]
}

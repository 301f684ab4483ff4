import { entriesOf } from '../../src/isobuilder/directory.ts'
import { readIso } from '../../src/isobuilder/image.ts'
import { createIso } from '../../src/isobuilder/image-file.ts'
import type { IsoPlan } from '../../src/isobuilder/plan.ts'
import { planIso } from '../../src/isobuilder/plan.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'
import { measure } from '../imaging/measure.ts'
import type { Run } from './turns.ts'

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

/** One task image, planned and read into memory as the controller does it: the mean of `count` in a row. */
export async function taskImages(count: number): Promise<Run> {
  const { wall, cpu } = await timed(async () => {
    for (let index = 0; index < count; index++) {
      const plan = planOf(taskEntries(`SERIAL-${index}`))
      for await (const chunk of readIso(plan, 0, plan.size)) if (chunk.length === 0) throw new Error('empty')
    }
  })
  return { wall: wall / count, cpu: cpu / count }
}

/** `iso create` as a program: a process of its own, from its start to its end, as the rivals are. */
export function createInProcess(executable: string, directory: string, output: string): Promise<Run> {
  return measure([executable, 'iso', 'create', '--label', 'BENCH', '--output', output, directory])
}

/** The same in this process, which has compiled the code when it ran before. */
export function createHere(directory: string, output: string): Promise<Run> {
  return timed(async () => {
    await createIso((await entriesOf(directory, never)).entries, { label: 'BENCH' }, output, never)
  })
}

async function timed(work: () => Promise<void>): Promise<Run> {
  const before = process.cpuUsage()
  const begin = performance.now()
  await work()
  const { user, system } = process.cpuUsage(before)
  return { wall: (performance.now() - begin) / 1000, cpu: (user + system) / 1e6 }
}

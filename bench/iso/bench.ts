import { execFile } from 'node:child_process'
import { mkdir, open, rm, statfs, writeFile as writeText } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileMedium, planMedium } from '../../src/server/media/medium.ts'
import { labScratch } from '../../test/lab/cache.ts'
import { planOf, taskEntries, taskImages, writeFile, writeTree } from './ours.ts'
import { rangesPerSecond, serveMedium } from './ranges.ts'
import { COMMAND, timeRival } from './rivals.ts'

/**
 * `npm run bench:iso [-- PART …]`: images beside genisoimage, xorriso, tar and dd, measured in the same run. Parts: task,
 * ranges, many, large, memory (after many and large), and huge, which is left out unless named.
 */

const GIB = 1024 ** 3

function row(what: string, value: string, against = ''): void {
  console.log(`${what.padEnd(54)} ${value.padStart(12)}  ${against}`)
}

const ms = (seconds: number) => `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 0)} ms`
const times = (ours: number, rival: number) =>
  ours <= rival ? `${(rival / ours).toFixed(1)}x faster` : `${(ours / rival).toFixed(1)}x slower`

async function benchTask(directory: string): Promise<void> {
  await mkdir(join(directory, 'task'))
  const sizes = { 'recipe.json': 2500, 'recipe.schema.json': 9000, 'user-data': 3000, 'job.json': 900, 'ks.cfg': 1500 }
  for (const [name, size] of Object.entries(sizes)) await writeText(join(directory, 'task', name), 'x'.repeat(size))
  await taskImages(200)
  const ours = await taskImages(1000)
  row('task image, in this process', ms(ours), `1,000 in ${(ours * 1000).toFixed(2)} s`)
  for (const [name, count] of [
    ['genisoimage', 20],
    ['xorriso', 10],
  ] as const) {
    const { seconds } = await timeRival(directory, COMMAND[name]('task', 'task.iso'), count)
    row(`  ${name}, a process each`, ms(seconds), `ours ${times(ours, seconds)}`)
  }
}

async function benchMany(directory: string): Promise<void> {
  for (let folder = 0; folder < 441; folder++) {
    const path = join(directory, 'many', `directory-${folder % 21}`, `folder-${folder}`)
    await mkdir(path, { recursive: true })
    for (let index = 0; index < 46 && folder * 46 + index < 20_000; index++) {
      await writeText(join(path, `file number ${index}.conf`), 'x'.repeat((index * 37) % 1400))
    }
  }
  await timeRival(directory, 'tar -cf /dev/null many') // warm
  const ours = await writeTree(join(directory, 'many'), join(directory, 'ours.iso'))
  const total = ours.read + ours.write
  row('20,000 files: read tree and digests', ms(ours.read))
  row('20,000 files: plan, write and fsync', ms(ours.write))
  row('20,000 files, all', ms(total))
  for (const name of ['genisoimage', 'xorriso', 'tar'] as const) {
    const { seconds } = await timeRival(directory, `${COMMAND[name]('many', 'other.img')} && sync other.img`)
    row(`  ${name}`, ms(seconds), `ours ${times(total, seconds)}`)
  }
}

async function benchLarge(directory: string, size: number): Promise<void> {
  const path = join(directory, 'large', 'big.img')
  await mkdir(join(directory, 'large'), { recursive: true })
  await timeRival(directory, `dd if=/dev/urandom of=large/big.img bs=1M count=${size / 1024 ** 2} conv=fsync`)
  const name = `${size / GIB} GiB`
  // The rivals before and after: writing gets slower with what the page cache has to write back.
  const before = await timeRival(directory, COMMAND.dd('large/big.img', 'other.img'))
  const ours = await writeFile(path, join(directory, 'ours.iso'))
  await rm(join(directory, 'ours.iso'))
  const after = await timeRival(directory, COMMAND.dd('large/big.img', 'other.img'))
  row(`${name} file: read, digest, write and fsync`, ms(ours))
  row(
    '  dd, before and after',
    `${ms(before.seconds)}`,
    `${ms(after.seconds)}; ours ${times(ours, (before.seconds + after.seconds) / 2)}`,
  )
  for (const rival of ['genisoimage', 'xorriso'] as const) {
    if (rival === 'genisoimage' && size > 4 * GIB) continue // it refuses, or writes 32 bits of the size
    const { seconds } = await timeRival(directory, `${COMMAND[rival]('large', 'other.img')} && sync other.img`)
    row(`  ${rival}`, ms(seconds), `ours ${times(ours, seconds)}`)
  }
  await rm(join(directory, 'other.img'))
}

/** Client and server in this process, so a real server has more. */
async function benchRanges(directory: string): Promise<void> {
  const path = join(directory, 'ranges.img')
  const file = await open(path, 'w')
  await file.truncate(64 * 1024 ** 2)
  await file.close()
  const media = {
    'maintenance image, a file': await fileMedium(path, new AbortController().signal),
    'task image, a plan': planMedium(planOf(taskEntries('SERIAL'))),
  }
  const number = (value: number) => `${Math.round(value).toLocaleString('en')}/s`
  for (const [name, medium] of Object.entries(media)) {
    const { url, close } = await serveMedium(medium)
    const rate = (bytes: number, clients: number, random = false) =>
      rangesPerSecond(url, medium.size, { bytes, clients, random })
    await rate(2048, 4) // warm
    const [one, eight] = [await rate(2048, 1), await rate(2048, 8)]
    row(`ranges of 2 KiB over HTTP, ${name}`, number(one), `8 clients ${number(eight)}`)
    const [anywhere, large] = [await rate(2048, 8, true), await rate(65_536, 8)]
    row('  8 clients, in no order', number(anywhere), `64 KiB in order ${number(large)}`)
    close()
  }
}

/** In processes of their own, so that nothing before counts. */
async function benchMemory(directory: string): Promise<void> {
  const ours = JSON.stringify(join(import.meta.dirname, 'ours.ts'))
  const peak = async (work: string) => {
    const script = `const o = await import(${ours}); ${work}; console.log(process.resourceUsage().maxRSS)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    return Number(stdout) / 1024
  }
  const output = JSON.stringify(join(directory, 'ours.iso'))
  const idle = await peak('')
  const many = await peak(`await o.writeTree(${JSON.stringify(join(directory, 'many'))}, ${output})`)
  const large = await peak(`await o.writeFile(${JSON.stringify(join(directory, 'large/big.img'))}, ${output})`)
  row('peak memory, Node alone', `${idle.toFixed(0)} MiB`)
  row(
    'peak memory, 20,000 files',
    `${many.toFixed(0)} MiB`,
    `${(((many - idle) * 1024) / 20_000).toFixed(1)} KiB a file`,
  )
  row('peak memory, 2 GiB file', `${large.toFixed(0)} MiB`)
}

const directory = await labScratch('bench-iso')
try {
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < 16 * GIB) throw new Error('the benchmark needs 16 GiB of free disk')
  const parts = {
    task: benchTask,
    ranges: benchRanges,
    many: benchMany,
    large: (at: string) => benchLarge(at, 2 * GIB),
    memory: benchMemory,
    huge: (at: string) => benchLarge(at, 5 * GIB),
  }
  const named = process.argv.slice(2)
  for (const [name, part] of Object.entries(parts)) {
    if (named.length === 0 ? name !== 'huge' : named.includes(name)) await part(directory)
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}

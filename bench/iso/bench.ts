import { mkdir, open, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileMedium, planMedium } from '../../src/server/media/medium.ts'
import { executable } from '../../test/build/executable.ts'
import { labScratch } from '../../test/lab/cache.ts'
import { measure } from '../imaging/measure.ts'
import { benchBoot } from './boot.ts'
import { createHere, createInProcess, planOf, taskEntries, taskImages } from './ours.ts'
import { rangesPerSecond, serveMedium } from './ranges.ts'
import { COMMAND, onDisk, timeRival } from './rivals.ts'
import type { Contestant } from './turns.ts'
import { inTurns, printTurns } from './turns.ts'

/**
 * `npm run bench:iso [-- PART …]`: images beside genisoimage, xorriso, tar and dd, in turns, all to the same file system and with
 * the data on the disk at the end. Parts: task, ranges, many, large, memory (after many and large); huge (5 GiB) and boot
 * (a virtual machine) are left out unless named.
 */

const MIB = 1024 ** 2
const GIB = 1024 ** 3

async function benchTask(directory: string): Promise<void> {
  await mkdir(join(directory, 'task'))
  const sizes = { 'recipe.json': 2500, 'recipe.schema.json': 9000, 'user-data': 3000, 'job.json': 900, 'ks.cfg': 1500 }
  for (const [name, size] of Object.entries(sizes)) await writeFile(join(directory, 'task', name), 'x'.repeat(size))
  await taskImages(200) // warm
  const contestants: Contestant[] = [
    { name: 'ours, in the process, 1,000 in a row', run: () => taskImages(1000) },
    { name: 'genisoimage', run: () => timeRival(directory, COMMAND.genisoimage('task', 'other.img'), 20) },
    { name: 'xorriso', run: () => timeRival(directory, COMMAND.xorriso('task', 'other.img'), 10) },
  ]
  printTurns('One task image, nothing flushed', contestants, await inTurns(3, contestants, clearing(directory)))
}

async function benchMany(directory: string): Promise<void> {
  for (let folder = 0; folder < 441; folder++) {
    const path = join(directory, 'many', `directory-${folder % 21}`, `folder-${folder}`)
    await mkdir(path, { recursive: true })
    for (let index = 0; index < 46 && folder * 46 + index < 20_000; index++) {
      await writeFile(join(path, `file number ${index}.conf`), 'x'.repeat((index * 37) % 1400))
    }
  }
  const [program, from, to] = [await executable(), join(directory, 'many'), join(directory, 'ours.img')]
  const rival = (name: keyof typeof COMMAND) => timeRival(directory, onDisk(name, 'many', 'other.img'))
  const contestants: Contestant[] = [
    { name: 'provisioner iso create', run: () => createInProcess(program, from, to) },
    { name: 'the same in a warm process', run: () => createHere(from, to) },
    { name: 'genisoimage', run: () => rival('genisoimage') },
    { name: 'xorriso', run: () => rival('xorriso') },
    { name: 'tar', run: () => rival('tar') },
  ]
  for (let times = 0; times < 3; times++) await createHere(from, to) // warm
  printTurns('20,000 files in 462 directories', contestants, await inTurns(5, contestants, clearing(directory)))
}

async function benchLarge(directory: string, size: number): Promise<void> {
  await mkdir(join(directory, 'large'), { recursive: true })
  await timeRival(directory, `dd if=/dev/urandom of=large/big.img bs=1M count=${size / MIB} conv=fsync`)
  const [program, from, to] = [await executable(), join(directory, 'large'), join(directory, 'ours.img')]
  const rival = (name: keyof typeof COMMAND) => timeRival(directory, onDisk(name, 'large', 'other.img'))
  const contestants: Contestant[] = [
    { name: 'provisioner iso create', run: () => createInProcess(program, from, to) },
    { name: 'dd', run: () => timeRival(directory, onDisk('dd', 'large/big.img', 'other.img')) },
    // It refuses more, or writes 32 bits of the size.
    ...(size < 4 * GIB ? [{ name: 'genisoimage', run: () => rival('genisoimage') }] : []),
    { name: 'xorriso', run: () => rival('xorriso') },
  ]
  printTurns(`A file of ${size / GIB} GiB`, contestants, await inTurns(5, contestants, clearing(directory)))
}

/** Before each run: the results of the one before are gone, and nothing waits to be written. */
function clearing(directory: string): () => Promise<void> {
  return async () => {
    for (const name of ['ours.img', 'other.img']) await rm(join(directory, name), { force: true })
    await timeRival(directory, 'sync --file-system .')
  }
}

/** Client and server in this process, so a real server has more. */
async function benchRanges(directory: string): Promise<void> {
  const path = join(directory, 'ranges.img')
  const file = await open(path, 'w')
  await file.truncate(64 * MIB)
  await file.close()
  await using maintenance = await fileMedium(path, new AbortController().signal)
  const media = { 'a file': maintenance, 'a plan': planMedium(planOf(taskEntries('SERIAL'))) }
  console.log('\nRanges a second over HTTP, client and server in one process\n')
  console.log('| | 2 KiB, 1 client | 8 clients | 8 clients, in no order | 64 KiB, 8 clients |\n|---|---|---|---|---|')
  for (const [name, medium] of Object.entries(media)) {
    const { url, close } = await serveMedium(medium)
    const rate = (bytes: number, clients: number, random = false) =>
      rangesPerSecond(url, medium.size, { bytes, clients, random })
    await rate(2048, 4) // warm
    const rates = [await rate(2048, 1), await rate(2048, 8), await rate(2048, 8, true), await rate(65_536, 8)]
    console.log(`| ${[name, ...rates.map((value) => Math.round(value).toLocaleString('en'))].join(' | ')} |`)
    await close()
  }
}

async function benchMemory(directory: string): Promise<void> {
  const program = await executable()
  const create = (from: string) => ['iso', 'create', '--label', 'BENCH', '--output', join(directory, 'ours.img'), from]
  const peak = async (args: string[]) => (await measure([program, ...args])).peakMb
  const idle = await peak(['iso', 'list', '--help'])
  const [many, large] = [await peak(create(join(directory, 'many'))), await peak(create(join(directory, 'large')))]
  console.log(`\nPeak memory of \`iso create\`: 20,000 files ${many.toFixed(0)} MB, of which a file`)
  console.log(
    `${(((many - idle) * 1000) / 20_000).toFixed(1)} kB; a large file ${large.toFixed(0)} MB; --help ${idle.toFixed(0)} MB`,
  )
}

const directory = await labScratch('bench-iso')
try {
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < 20 * GIB) throw new Error('the benchmark needs 20 GiB of free disk')
  const parts = {
    task: benchTask,
    ranges: benchRanges,
    many: benchMany,
    large: (at: string) => benchLarge(at, 2 * GIB),
    memory: benchMemory,
    huge: (at: string) => benchLarge(at, 5 * GIB),
    boot: benchBoot,
  }
  const named = process.argv.slice(2)
  for (const [name, part] of Object.entries(parts)) {
    if (named.length === 0 ? name !== 'huge' && name !== 'boot' : named.includes(name)) await part(directory)
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}

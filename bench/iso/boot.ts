import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createIso } from '../../src/isobuilder/image-file.ts'
import { fileMedium, planMedium } from '../../src/server/media/medium.ts'
import { TASK_LABEL_PREFIX } from '../../src/shared/task/job-file.ts'
import { executable } from '../../test/build/executable.ts'
import { labTrust } from '../../test/lab/controller.ts'
import { maintenanceIso } from '../../test/lab/maintenance.ts'
import { createVm } from '../../test/lab/qemu/vm.ts'
import { taskEntries } from './ours.ts'
import { serveMedium } from './ranges.ts'

const ROUNDS = 2
const BOOT_MS = 10 * 60_000
const LABEL = `${TASK_LABEL_PREFIX}BENCH`
const never = new AbortController().signal

/**
 * The maintenance OS from power-on to the notice of the dispatcher that has read its task, over HTTP and from local files. The
 * task is none, so the dispatcher says so and nothing else is started.
 */
export async function benchBoot(directory: string): Promise<void> {
  const parts = { executable: await executable(), trustKey: Buffer.from((await labTrust()).publicPem) }
  const image = await maintenanceIso(parts)
  const taskFile = join(directory, 'task.iso')
  const task = await createIso(taskEntries('BENCH'), { label: LABEL }, taskFile, never)
  const local = [pathToFileURL(image).href, pathToFileURL(taskFile).href]
  await using medium = await fileMedium(image, never)
  const served = [await serveMedium(medium), await serveMedium(planMedium(task))]
  const [overHttp, fromFile]: [number[], number[]] = [[], []]
  try {
    for (let round = 0; round < ROUNDS; round++) {
      overHttp.push(
        await secondsToDispatcher(
          join(directory, `http-${round}`),
          served.map(({ url }) => url),
        ),
      )
      fromFile.push(await secondsToDispatcher(join(directory, `file-${round}`), local))
    }
  } finally {
    for (const { close } of served) await close()
  }
  const sum = (of: 'requests' | 'bytes') => served.reduce((all, { asked }) => all + asked[of], 0) / ROUNDS
  const row = (name: string, seconds: number[]) =>
    console.log(
      `| ${name} | ${Math.min(...seconds).toFixed(1)} s | ${seconds.map((one) => one.toFixed(1)).join(', ')} |`,
    )
  console.log(`\nA boot of the maintenance OS (${(medium.size / 1e6).toFixed(0)} MB) in a virtual machine\n`)
  console.log('| media | best | all |\n|---|---|---|')
  row('HTTP ranges', overHttp)
  row('local files', fromFile)
  console.log(`\n${sum('requests').toFixed(0)} requests and ${(sum('bytes') / 1e6).toFixed(0)} MB a boot`)
}

async function secondsToDispatcher(directory: string, media: readonly string[]): Promise<number> {
  await mkdir(directory)
  const vm = await createVm({
    serial: 'BENCH-1',
    uuid: '6c1d2b9e-5f0a-4b53-9d36-1f1f7f6f0002',
    diskPath: join(directory, 'disk.raw'),
    diskSize: 1024 ** 3,
    workDir: join(directory, 'vm'),
    logPath: join(directory, 'console.log'),
  })
  try {
    for (const [drive, url] of media.entries()) await vm.media(drive, url)
    const begin = performance.now()
    await vm.start('cd')
    await vm.waitForConsole(/Cannot use job\.json of the task medium/, BOOT_MS)
    return (performance.now() - begin) / 1000
  } finally {
    await vm.close()
  }
}

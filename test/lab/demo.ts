import { rm } from 'node:fs/promises'
import { spansOf, timelineText } from '../../src/commands/timeline.ts'
import { labScratch } from './cache.ts'
import { linuxRecipe, startSite } from './site.ts'

/** `script/demo`: one virtual server from bare metal to its login prompt, told as it happens. */

const HOSTNAME = 'installed-by-recipe'
const JOB_MS = 15 * 60_000
const BOOT_MS = 10 * 60_000

const began = performance.now()

function say(text: string): void {
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${text}`)
}

async function demo(directory: string): Promise<void> {
  const site = await startSite(directory, (line) => say(`prepare: ${line}`))
  try {
    const reference = await site.pushOsImage()
    say(`pushed with oras: ${reference}`)
    const id = await site.createJob(linuxRecipe(reference, { user_data: `#cloud-config\nhostname: ${HOSTNAME}\n` }))
    say(`job ${id}`)
    let seen = 0
    const job = await site.until(
      id,
      (now) => {
        for (const event of now.events ?? []) {
          if (event.seq > seen) say(`${event.type}: ${event.message.split('\n')[0]}`)
          seen = Math.max(seen, event.seq)
        }
        return now.status === 'complete'
      },
      JOB_MS,
    )
    if (job.outcome !== 'success')
      throw new Error(`the job ended with ${job.outcome} in ${job.failed_step}:\n${job.message}`)
    say('the server boots from its own disk')
    const [prompt] = await site.vm.waitForConsole(new RegExp(`${HOSTNAME} login:`), BOOT_MS)
    say(`console: ${prompt}`)
    console.log(`\n${timelineText(spansOf(job.events), process.stdout.columns ?? 100)}`)
    say('done')
  } catch (error) {
    console.error(`the last lines of the console:\n${site.vm.consoleText().split('\n').slice(-60).join('\n')}`)
    throw error
  } finally {
    await site.close()
  }
}

const directory = await labScratch('demo')
try {
  await demo(directory)
} finally {
  if (process.env['PROVISIONER_LAB_KEEP'] === undefined) await rm(directory, { recursive: true, force: true })
  else console.log(`kept: ${directory}`)
}

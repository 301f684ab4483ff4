import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { JobFile } from '../shared/task/job-file.ts'
import type { DeviceRoots } from './block-devices.ts'
import { readText } from './block-devices.ts'

/** What a person in front of the server is to see. */
export interface Notice {
  readonly title: string
  readonly job: JobFile | undefined
  /** Label and value, in their order; a value may have several lines. */
  readonly facts: readonly (readonly [string, string])[]
  readonly advice: string
}

/** Shows a notice; never fails, for nobody may be there to see it. */
export type Screen = (notice: Notice) => Promise<void>

const RULE = '='.repeat(78)
const MAX_LINES = 12

/** ASCII only: a serial console may know nothing else. */
export function noticeText({ title, job, facts, advice }: Notice, addresses: readonly string[]): string {
  const rows: (readonly [string, string])[] = [
    ...(job === undefined ? [] : [['server', job.server.serial] as const]),
    ...(job === undefined ? [] : [['job', `${job.job_id}, attempt ${job.attempt}, of ${job.controller.url}`] as const]),
    ...facts,
    ['addresses', addresses.join(', ') || 'none'],
    ['what to do', advice],
  ]
  const lines = rows.flatMap(([label, value]) =>
    value
      .split('\n')
      .slice(0, MAX_LINES)
      .map((line, index) => `  ${(index === 0 ? label : '').padEnd(11)} ${printable(line)}`),
  )
  return `\n${RULE}\n  ${printable(title)}\n\n${lines.join('\n')}\n${RULE}\n`
}

/** What comes from a recipe or a program may not move the cursor. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}

/** This machine's screens, the notice followed by its own addresses. */
export function screens(devices: DeviceRoots, say: (line: string) => void): Screen {
  return async (notice) => {
    const text = noticeText(notice, ownAddresses())
    for (const path of await consolePaths(devices)) {
      await write(path, text).catch((error: unknown) => say(`${path}: ${String(error)}`))
    }
  }
}

/**
 * Every console of the kernel (`tty0 ttyS0`): /dev/console, where units write, is the last one alone, and whoever looks at
 * the other would see nothing (kernel documentation, serial-console).
 */
async function consolePaths({ sys, dev }: DeviceRoots): Promise<string[]> {
  const active = (await readText(join(sys, 'class/tty/console/active'))) ?? ''
  return active.split(/\s+/).flatMap((name) => (/^[A-Za-z]+[0-9]*$/.test(name) ? [join(dev, name)] : []))
}

/** A serial line that nobody reads must not hold anything up, nor become our controlling terminal (open(2)). */
async function write(path: string, text: string): Promise<void> {
  await using file = await open(
    path,
    constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK | constants.O_APPEND,
  )
  await file.write(text.replaceAll('\n', '\r\n'))
}

function ownAddresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ internal, cidr }) => (internal || cidr === null ? [] : [`${name} ${cidr}`])),
  )
}

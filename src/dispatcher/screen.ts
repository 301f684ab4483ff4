import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { JobFile } from '../shared/task/job-file.ts'
import type { Backoff, sleep } from '../shared/time.ts'
import { retry } from '../shared/time.ts'
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
/** Of one line: a URL or a sentence fits, and not what a program has put into a line of its own. */
const MAX_CHARACTERS = 200

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

/** What comes from a recipe or a program may not move the cursor, nor push the advice out of sight. */
function printable(text: string): string {
  const cut = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS - 3)}...` : text
  return cut.replaceAll(/[^\x20-\x7e]/g, '?')
}

/** This machine's screens, the notice followed by its own addresses. */
export function screens(devices: DeviceRoots, say: (line: string) => void, pause?: typeof sleep): Screen {
  return async (notice) => {
    const text = noticeText(notice, ownAddresses())
    const show = (path: string) => write(path, text, pause).catch((error: unknown) => say(`${path}: ${String(error)}`))
    await Promise.all((await consolePaths(devices)).map(show))
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

/** About ten seconds: enough for a full notice at 9600 baud. */
const DRAIN: Backoff = { firstMs: 100, maxMs: 100, attempts: 130 }

/**
 * A serial line takes what its buffer has room for, often after much output of a step, and the rest later. One that nobody reads
 * must not hold anything up, nor become our controlling terminal (open(2), termios(3)).
 */
async function write(path: string, text: string, pause?: typeof sleep): Promise<void> {
  await using file = await open(
    path,
    constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK | constants.O_APPEND,
  )
  const bytes = Buffer.from(text.replaceAll('\n', '\r\n'))
  let done = 0
  const rest = async () => {
    while (done < bytes.length) done += (await file.write(bytes, done)).bytesWritten
  }
  const isFull = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EAGAIN'
  await retry(rest, DRAIN, isFull, new AbortController().signal, pause)
}

function ownAddresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ internal, cidr }) => (internal || cidr === null ? [] : [`${name} ${cidr}`])),
  )
}

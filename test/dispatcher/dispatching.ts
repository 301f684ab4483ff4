import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach } from 'vitest'
import { type DispatchDeps, dispatch } from '../../src/dispatcher/dispatch.ts'
import type { Notice } from '../../src/dispatcher/screen.ts'
import type { Command } from '../../src/shared/exec.ts'
import { scratch } from '../support/scratch.ts'
import { KEYS, type MediumParts, taskImage } from './task-medium.ts'

interface Changes extends Partial<DispatchDeps> {
  readonly start?: boolean
  readonly serial?: string
  readonly signal?: AbortSignal
}

/** A machine in a directory, a new one for each test of the file that calls `dispatching()`. */
export interface Dispatching {
  /** Everything of this machine lies below. */
  at: string
  said: string[]
  /** Command lines that would have been run. */
  ran: string[]
  seen: Notice[]
  deps: DispatchDeps
  /** Dispatches what is on this medium; gives the exit code. */
  go(medium?: MediumParts | Buffer, changes?: Changes): Promise<number>
  /** Dispatches what is found in the drives. */
  look(changes?: Partial<DispatchDeps>): Promise<number>
  /** A file below the run directory. */
  run(path: string): Promise<string>
  state(): Promise<Record<string, unknown>>
}

const never = new AbortController().signal

export function dispatching(): Dispatching {
  const here: Dispatching = {
    at: '',
    said: [],
    ran: [],
    seen: [],
    deps: depsIn('', () => here),
    async go(medium = {}, { start = true, serial, signal = never, ...changes } = {}) {
      const file = join(here.at, 'task.iso')
      await writeFile(file, Buffer.isBuffer(medium) ? medium : await taskImage(medium))
      const options = { runDirectory: join(here.at, 'run'), medium: file, start, serial }
      return dispatch(options, { ...here.deps, ...changes }, signal)
    },
    look(changes = {}) {
      const options = { runDirectory: join(here.at, 'run'), medium: undefined, start: true, serial: undefined }
      return dispatch(options, { ...here.deps, ...changes }, never)
    },
    run: (path) => readFile(join(here.at, 'run', path), 'utf8'),
    state: async () => JSON.parse(await here.run('state/dispatcher.json')) as Record<string, unknown>,
  }
  beforeEach(async () => {
    const at = scratch()
    for (const name of ['units', 'trust', 'sys/block', 'sys/class/dmi/id', 'dev'])
      await mkdir(join(at, name), { recursive: true })
    await writeFile(join(at, 'units/install-linux.target'), '[Unit]\nX-Provisioner=target\n')
    await writeFile(join(at, 'units/multi-user.target'), '[Unit]\n')
    await writeFile(join(at, 'trust/controller.pub'), KEYS.publicKey.export({ type: 'spki', format: 'pem' }))
    await writeFile(join(at, 'sys/class/dmi/id/product_serial'), 'SN123\n')
    Object.assign(here, { at, said: [], ran: [], seen: [], deps: depsIn(at, () => here) })
  })
  return here
}

function depsIn(at: string, here: () => Dispatching): DispatchDeps {
  const run = async (command: Command) => void here().ran.push(command.argv.join(' '))
  return {
    say: (line) => void here().said.push(line),
    clock: { now: () => new Date('2026-01-02T03:04:05Z') },
    programs: { run, read: async () => '', feed: run },
    isRoot: true,
    devices: { sys: join(at, 'sys'), dev: join(at, 'dev') },
    mounts: async () => '',
    progress: () => ({
      message: () => undefined,
      note: () => undefined,
      announce: async () => undefined,
      bytes: () => undefined,
      flush: async () => undefined,
    }),
    unitDirectories: [join(at, 'units')],
    trustDirectory: join(at, 'trust'),
    networkDirectory: join(at, 'network'),
    screen: async (notice) => void here().seen.push(notice),
    mediumWaitMs: 300,
    mediumReads: { firstMs: 1, maxMs: 1, attempts: 3 },
  }
}

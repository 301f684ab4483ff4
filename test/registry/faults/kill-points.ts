import fs from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { dirname, join } from 'node:path'
import type { SQLInputValue } from 'node:sqlite'
import { DatabaseSync, StatementSync } from 'node:sqlite'

/*
 * Kills this process in the middle of its storage: every change to a file, a directory or the database is a step, and the
 * process dies (SIGKILL) before, after or halfway through the step it was told. With `power` the loss of power is acted
 * out as well: what was written, renamed, made or removed without the fsync(2) that makes it last is undone first, each
 * by the toss of a coin. SQLite's own files are taken as it promises them: with synchronous=FULL a commit lasts.
 */
export interface KillPlan {
  /** Counted from when the plan is set. */
  readonly step: number
  readonly when: 'before' | 'after' | 'halfway'
  /** Only steps count whose name holds this text: a function of node:fs, or SQL. Empty: all. */
  readonly only: string
  readonly power: boolean
  readonly seed: number
}

let plan: KillPlan | undefined
let steps = 0
let random = 1

export function setPlan(next: KillPlan | undefined): void {
  plan = next
  steps = 0
  random = next?.seed ?? 1
}

/** What the loss of power would take: undo by path, until a sync makes it last. */
const volatileNames = new Map<string, (() => void)[]>()
/** Bytes of a file that are on the disk for sure, by path. */
const unsynced = new Map<string, number>()
let shadows = 0
let shadowDirectory = ''

/** Replaces the functions by which src/registry changes anything. Before anything of it is loaded. */
export function installKillPoints(root: string): void {
  shadowDirectory = join(root, '..', 'shadow')
  fs.mkdirSync(shadowDirectory, { recursive: true })
  const { open, rename, rm } = promises
  Object.assign(promises, {
    open: async (path: string, flags: string, mode?: number) => {
      const creates = flags.startsWith('w')
      const file = creates ? await step('open', () => open(path, flags, mode)) : await open(path, flags, mode)
      if (creates) until(dirname(path), () => fs.rmSync(path, { force: true }))
      return watch(file, path)
    },
    rename: (from: string, to: string) =>
      step('rename', async () => {
        const old = keep(to)
        await rename(from, to)
        if (unsynced.has(from)) unsynced.set(to, unsynced.get(from) ?? 0)
        unsynced.delete(from)
        until(dirname(to), () => {
          if (fs.existsSync(to)) fs.renameSync(to, from)
          if (old !== undefined) fs.copyFileSync(old, to)
        })
      }),
    rm: (path: string, options: object) =>
      step('rm', async () => {
        const old = keep(path)
        await rm(path, options)
        unsynced.delete(path)
        if (old !== undefined) until(dirname(path), () => fs.existsSync(path) || fs.copyFileSync(old, path))
      }),
  })
  syncBuiltinESMExports()
  watchDatabase()
}

function watch(file: FileHandle, path: string): FileHandle {
  const { writev, datasync, sync } = file
  return Object.assign(file, {
    writev: async (buffers: Uint8Array[], position: number) => {
      if (!unsynced.has(path)) unsynced.set(path, position)
      const bytes = Buffer.concat(buffers)
      const half = () => void fs.writeSync(file.fd, bytes, 0, bytes.length >> 1, position)
      return step('writev', () => writev.call(file, buffers, position), half)
    },
    datasync: () =>
      step('datasync', async () => {
        await datasync.call(file)
        unsynced.delete(path)
      }),
    sync: () =>
      step('sync', async () => {
        await sync.call(file)
        volatileNames.delete(path)
        unsynced.delete(path)
      }),
  })
}

function watchDatabase(): void {
  const { exec } = DatabaseSync.prototype
  const run: (this: StatementSync, ...values: SQLInputValue[]) => unknown = StatementSync.prototype.run
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
    return sql === 'COMMIT' ? stepNow(sql, () => exec.call(this, sql)) : exec.call(this, sql)
  }
  Object.assign(StatementSync.prototype, {
    run(this: StatementSync, ...values: SQLInputValue[]) {
      return stepNow(this.sourceSQL, () => run.apply(this, values))
    },
  })
}

async function step<T>(name: string, action: () => Promise<T>, half?: () => void): Promise<T> {
  const last = isLast(name)
  if (last && plan?.when === 'halfway') half?.()
  if (last && plan?.when !== 'after') die()
  const result = await action()
  if (last) die()
  return result
}

function stepNow<T>(name: string, action: () => T): T {
  const last = isLast(name)
  if (last && plan?.when !== 'after') die()
  const result = action()
  if (last) die()
  return result
}

function isLast(name: string): boolean {
  if (!name.includes(plan?.only ?? '')) return false
  steps++
  return plan !== undefined && steps === plan.step
}

function die(): never {
  if (plan?.power) losePower()
  process.kill(process.pid, 'SIGKILL')
  throw new Error('Cannot go on: this process is dead')
}

/** Directories first lose what their files had lost since, newest first; then the files their unsynced ends. */
function losePower(): void {
  for (const [path, durable] of unsynced) {
    if (!fs.existsSync(path)) continue
    const { size } = fs.statSync(path)
    if (size > durable) fs.truncateSync(path, durable + Math.floor(toss() * (size - durable)))
  }
  for (const undo of [...volatileNames.values()].flat().reverse()) if (toss() < 0.5) undo()
}

/** A name's change lasts when its directory is synced. */
function until(directory: string, undo: () => void): void {
  volatileNames.set(directory, [...(volatileNames.get(directory) ?? []), undo])
}

/** A second name for what is about to lose its only one. */
function keep(path: string): string | undefined {
  // The socket of a dead process is nothing that a power cut could bring back.
  if (plan?.power !== true || !fs.existsSync(path) || !fs.lstatSync(path).isFile()) return undefined
  const shadow = join(shadowDirectory, String(shadows++))
  fs.rmSync(shadow, { force: true })
  fs.linkSync(path, shadow)
  return shadow
}

/** Park and Miller: repeatable from the seed. */
function toss(): number {
  random = (random * 48271) % 2147483647
  return random / 2147483647
}

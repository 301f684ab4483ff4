import { access, constants, statfs } from 'node:fs/promises'
import type { DatabaseSync } from 'node:sqlite'
import type { Registry } from '../registry/registry.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { AppError, errorText, isAppError } from '../shared/errors.ts'
import { seenLater } from '../shared/time.ts'
import type { FileMedium } from './media/medium.ts'

/** One thing the controller needs; `look` throws an `AppError` or any error of the system when it is not there. */
export interface ReadinessCheck {
  readonly name: string
  look(signal: AbortSignal): Promise<void> | void
}

/** Load balancers ask every second, some of them from several machines. */
const REMEMBERED_MS = 2_000
/** A disk that does not answer is not ready either. */
const LOOK_MS = 5_000

/**
 * Asks every check, at most once in two seconds.
 * @returns what resolves when all is well. @throws `not-ready` with every reason
 */
export function readiness(checks: readonly ReadinessCheck[]): () => Promise<void> {
  let last: { readonly at: number; readonly answer: Promise<void> } | undefined
  return () => {
    if (last === undefined || performance.now() - last.at > REMEMBERED_MS) {
      last = { at: performance.now(), answer: seenLater(lookAtAll(checks)) }
    }
    return last.answer
  }
}

async function lookAtAll(checks: readonly ReadinessCheck[]): Promise<void> {
  const reasons = await Promise.all(
    checks.map(async ({ name, look }) => {
      const limit = AbortSignal.timeout(LOOK_MS)
      const late = new Promise<never>((_, reject) => {
        limit.addEventListener('abort', () => reject(new Error(`no answer within ${LOOK_MS / 1000} s`)))
      })
      void seenLater(late)
      try {
        await Promise.race([look(limit), late])
        return []
      } catch (error) {
        return [{ path: `/${name}`, code: 'not-ready', message: reasonOf(error) }]
      }
    }),
  )
  const problems = reasons.flat()
  if (problems.length === 0) return
  const text = problems.map(({ path, message }) => `${path.slice(1)}: ${message}`).join('; ')
  throw new AppError('not-ready', `Cannot do the controller's work: ${text}`, { problems })
}

/** Everybody may ask, so the system's own words, with paths of this host in them, stay inside. */
function reasonOf(error: unknown): string {
  if (isAppError(error)) return errorText(error).slice(0, 500)
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  return code ?? (error instanceof Error ? error.message.slice(0, 200) : 'unknown')
}

export interface WritableDatabase {
  readonly db: DatabaseSync
  readonly commits: { write(action: () => void): Promise<void> }
}

/** It must take a write, as jobs are written: a disk that is full or read-only answers every question well. */
export function databaseCheck({ db, commits }: WritableDatabase): ReadinessCheck {
  const read = db.prepare('PRAGMA user_version')
  return {
    name: 'database',
    // The same value again is a transaction like any other: a page in the log, flushed by another thread.
    look: () => commits.write(() => db.exec(`PRAGMA user_version = ${Number(read.get()?.['user_version'])}`)),
  }
}

export function storageCheck(dataDir: string, reserveBytes: number): ReadinessCheck {
  return {
    name: 'storage',
    async look() {
      await access(dataDir, constants.W_OK)
      const { bavail, bsize } = await statfs(dataDir)
      if (bavail * bsize >= reserveBytes) return
      throw new AppError(
        'not-ready',
        `${formatBytes(bavail * bsize)} are free, ${formatBytes(reserveBytes)} are needed`,
      )
    },
  }
}

export function registryCheck(registry: Pick<Registry, 'ready'>): ReadinessCheck {
  return { name: 'registry', look: () => registry.ready() }
}

/** A file that was written to since the start is another image than the one whose digest is promised. */
export function maintenanceCheck(medium: () => Pick<FileMedium, 'check'> | undefined, missing: string): ReadinessCheck {
  return {
    name: 'maintenance',
    async look(signal) {
      const present = medium()
      if (present === undefined) throw new AppError('not-ready', missing)
      await present.check(signal)
    },
  }
}

/** A loop that stands still works on no job, however well everything else answers. */
export function workerCheck(patienceMs: number): { readonly check: ReadinessCheck; turned(): void } {
  let at = performance.now()
  return {
    turned() {
      at = performance.now()
    },
    check: {
      name: 'worker',
      look() {
        const idle = performance.now() - at
        if (idle > patienceMs) throw new AppError('not-ready', `no turn of its loop for ${Math.round(idle / 1000)} s`)
      },
    },
  }
}

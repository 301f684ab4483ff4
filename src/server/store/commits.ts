import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import type { DatabaseSync } from 'node:sqlite'
import { transaction } from '../../shared/sqlite.ts'

/** Changes of a database that are acknowledged when they are on the disk. */
export interface Commits {
  /** Runs `action` as one transaction at once; resolves with its value when it would survive a loss of power. */
  write<T>(action: () => T): Promise<T>
  /** Resolves when everything that can be read now would survive a loss of power. */
  flushed(): Promise<void>
  close(): Promise<void>
}

export interface FlushListener {
  /** After each flush. */
  onFlushed(): void
  /** Once, when a flush failed: nothing will be written any more. */
  onBroken(cause: unknown): void
}

/** For a connection that flushes by itself (`synchronous=FULL`), or has no file: each transaction is there when it returns. */
export function directCommits(db: DatabaseSync): Commits {
  return {
    write: async (action) => transaction(db, action),
    flushed: async () => undefined,
    close: async () => undefined,
  }
}

/**
 * Many transactions by one flush, and none of them by this thread: a flush takes between 4 ms and 200 ms, in which nothing
 * would be answered. The connection gets `synchronous=NORMAL`: SQLite then only appends to the log, and syncs it before
 * it copies from it (SQLite, "Write-Ahead Logging"); here the log is synced before anybody is told.
 */
export function groupCommits(db: DatabaseSync, path: string, { onFlushed, onBroken }: FlushListener): Commits {
  db.exec('PRAGMA synchronous = NORMAL')
  let log: FileHandle | undefined
  let written = 0
  let safe = 0
  let flushing: Promise<void> | undefined
  let broken: { readonly cause: unknown } | undefined

  async function flush(): Promise<void> {
    log ??= await open(`${path}-wal`, 'r')
    const upTo = written
    await log.datasync()
    safe = upTo
    onFlushed()
  }

  async function flushed(): Promise<void> {
    const wanted = written
    while (safe < wanted) {
      // What could not be synced once may be gone from the cache: a second fsync would say yes to nothing.
      if (broken !== undefined) throw new Error('Cannot flush the database: an earlier flush failed', broken)
      flushing ??= flush()
        .catch((cause: unknown) => {
          broken = { cause }
          onBroken(cause)
        })
        .finally(() => {
          flushing = undefined
        })
      await flushing
    }
  }

  return {
    flushed,
    async write(action) {
      if (broken !== undefined) throw new Error('Cannot write to the database: an earlier flush failed', broken)
      const value = transaction(db, action)
      written++
      await flushed()
      return value
    },
    async close() {
      await flushing
      await log?.close()
    },
  }
}

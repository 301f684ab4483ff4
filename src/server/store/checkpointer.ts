import { Worker } from 'node:worker_threads'
import type { Logger } from '../../shared/log.ts'

/** Copies the write-ahead log of a database into its file, in a thread of its own: two flushes of the disk each time. */
export interface Checkpointer {
  /** Soon, when the last time was long enough ago. */
  ask(): void
  close(): Promise<void>
}

/** With thousands of pages a second this keeps the log at some tens of megabytes. */
const EVERY_MS = 1_000

/** A text, because a single executable has no second file to run. PASSIVE waits for nobody and stops nobody. */
const THREAD = `
const { DatabaseSync } = require('node:sqlite')
const { parentPort, workerData } = require('node:worker_threads')
const db = new DatabaseSync(workerData)
db.exec('PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL')
parentPort.on('message', (order) => {
  if (order === 'close') {
    db.close()
    parentPort.close()
    return
  }
  db.exec('PRAGMA wal_checkpoint(PASSIVE)')
  parentPort.postMessage('done')
})
`

export function startCheckpointer(path: string, log: Logger): Checkpointer {
  const thread = new Worker(THREAD, { eval: true, workerData: path, execArgv: [] })
  thread.unref()
  const gone = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  // Connections copy the log themselves when it becomes very long, so nothing is lost without this thread.
  thread.on('error', (error) =>
    log.warn({ err: error }, 'the write-ahead log is not copied in the background any more'),
  )
  let busy = false
  let last = performance.now()
  thread.on('message', () => {
    busy = false
  })
  return {
    ask() {
      if (busy || performance.now() - last < EVERY_MS) return
      busy = true
      last = performance.now()
      thread.postMessage('go')
    },
    async close() {
      thread.postMessage('close')
      await gone
    },
  }
}

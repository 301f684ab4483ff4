import type { Logger } from '../../shared/log.ts'
import { startThread } from '../../shared/thread.ts'

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
  const thread = startThread<'go' | 'close', 'done'>(THREAD, path, 'internal')
  let copying: Promise<unknown> | undefined
  let last = performance.now()

  // Connections copy the log themselves when it becomes very long, so nothing is lost without this thread.
  async function copy(): Promise<void> {
    thread.send('go')
    try {
      await thread.answer()
      copying = undefined
    } catch (error) {
      log.warn({ err: error }, 'the write-ahead log is not copied in the background any more')
    }
  }

  return {
    ask() {
      if (copying !== undefined || performance.now() - last < EVERY_MS) return
      last = performance.now()
      copying = copy()
    },
    async close() {
      await copying
      thread.send('close')
      await thread.ended()
    },
  }
}

import { Worker } from 'node:worker_threads'
import { readAsset } from '../assets.ts'

export type BcryptCompare = (password: string, hash: string) => Promise<boolean>

/** In the executable, too: a worker cannot import from inside of it, so its source is text. */
export const BCRYPT_ASSET = 'node_modules/bcryptjs/umd/index.js'

/** Runs behind the library's source, which sets `module.exports` (UMD). */
const WORK = `
;(() => {
  const bcrypt = module.exports.default ?? module.exports
  const { parentPort } = require('node:worker_threads')
  parentPort.on('message', ({ id, password, hash }) => {
    parentPort.postMessage({ id, matches: bcrypt.compareSync(password, hash) })
  })
})()`

interface Answer {
  readonly id: number
  readonly matches: boolean
}

export interface Bcrypt {
  readonly compare: BcryptCompare
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (matches: boolean) => void
  readonly reject: (error: Error) => void
}

/**
 * bcrypt in a thread of its own, started at the first use: a comparison is 50 ms of JavaScript and more, during which the
 * event loop would answer nobody. A thread that died is replaced at the next comparison.
 */
export function createBcrypt(): Bcrypt {
  let worker: Worker | undefined
  let lastId = 0
  const waiting = new Map<number, Waiting>()

  function start(): Worker {
    const made = new Worker(`${readAsset(BCRYPT_ASSET).toString('utf8')}${WORK}`, { eval: true })
    // A thread that only waits must not keep the process from ending.
    made.unref()
    made.on('message', ({ id, matches }: Answer) => {
      waiting.get(id)?.resolve(matches)
      waiting.delete(id)
    })
    made.on('error', failAll)
    made.on('exit', () => {
      if (worker === made) worker = undefined
      failAll(new Error('the bcrypt thread ended'))
    })
    return made
  }

  function failAll(error: Error): void {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }

  return {
    compare(password, hash) {
      worker ??= start()
      const id = ++lastId
      worker.postMessage({ id, password, hash })
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
    },
    async close() {
      await worker?.terminate()
    },
  }
}

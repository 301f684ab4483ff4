import { readAsset } from '../assets.ts'
import type { Thread } from '../thread.ts'
import { startThread } from '../thread.ts'

export type BcryptCompare = (password: string, hash: string) => Promise<boolean>

/** In the executable, too: a worker cannot import from inside of it, so its source is text. */
export const BCRYPT_ASSET = 'node_modules/bcryptjs/umd/index.js'

/** Runs behind the library's source, which sets `module.exports` (UMD). */
const WORK = `
;(() => {
  const bcrypt = module.exports.default ?? module.exports
  const { parentPort } = require('node:worker_threads')
  parentPort.on('message', ({ password, hash }) => parentPort.postMessage(bcrypt.compareSync(password, hash)))
})()`

interface Question {
  readonly password: string
  readonly hash: string
}

export interface Bcrypt {
  readonly compare: BcryptCompare
  close(): Promise<void>
}

/**
 * bcrypt in a thread of its own, started at the first use: a comparison is 50 ms of JavaScript and more, during which the
 * event loop would answer nobody. A thread that failed is replaced at the next comparison.
 */
export function createBcrypt(): Bcrypt {
  let thread: Thread<Question, boolean> | undefined
  let before: Promise<unknown> = Promise.resolve()

  async function ask(question: Question): Promise<boolean> {
    try {
      thread ??= startThread(`${readAsset(BCRYPT_ASSET).toString('utf8')}${WORK}`, undefined, 'internal')
      thread.send(question)
      return await thread.answer()
    } catch (error) {
      thread = undefined
      throw error
    }
  }

  return {
    compare(password, hash) {
      const asked = before.then(() => ask({ password, hash }))
      before = asked.catch(() => undefined)
      return asked
    },
    async close() {
      await before
      thread?.[Symbol.dispose]()
    },
  }
}

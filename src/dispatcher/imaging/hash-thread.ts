import type { Digester } from '../../oci/digester.ts'
import { startThread } from '../../shared/thread.ts'

/** Large enough that a message costs nothing beside it. */
const BATCH_BYTES = 1 << 20
/** Batches under way: one is filled, one is hashed, one waits. */
const BATCHES = 3

const WORK = `
const { createHash } = require('node:crypto')
const { parentPort, workerData } = require('node:worker_threads')
const hash = createHash(workerData.algorithm)
const batches = workerData.batches.map((memory) => new Uint8Array(memory))
parentPort.on('message', ({ batch, length, end }) => {
  if (end) {
    parentPort.postMessage({ hex: hash.digest('hex') })
    parentPort.close()
    return
  }
  hash.update(batches[batch].subarray(0, length))
  parentPort.postMessage({ batch })
})`

type Message = { readonly batch: number; readonly length: number } | { readonly end: true }
type Answer = { readonly batch: number } | { readonly hex: string }

/**
 * A running hash in a thread of its own. SHA-256 of a gigabyte is about a second of CPU, which the thread that receives
 * does not have (docs/performance.md). Memory is bounded: who is faster than the hash waits for it.
 */
export function hashThread(algorithm: 'sha256' | 'sha512'): Digester & Disposable {
  const memory = Array.from({ length: BATCHES }, () => new SharedArrayBuffer(BATCH_BYTES))
  const batches = memory.map((shared) => new Uint8Array(shared))
  const thread = startThread<Message, Answer>(WORK, { algorithm, batches: memory })
  const free = batches.map((_, index) => index)
  let current = free.pop() ?? 0
  let filled = 0

  async function handOver(): Promise<void> {
    thread.send({ batch: current, length: filled })
    for (let done = thread.answered(); done !== undefined; done = thread.answered()) take(done)
    if (free.length === 0) take(await thread.answer())
    current = free.pop() ?? 0
    filled = 0
  }

  function take(answer: Answer): void {
    if ('batch' in answer) free.push(answer.batch)
  }

  async function fill(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + BATCH_BYTES - filled)
      batches[current]?.set(part, filled)
      filled += part.length
      at += part.length
      if (filled === BATCH_BYTES) await handOver()
    }
  }

  return {
    update(bytes) {
      if (bytes.length >= BATCH_BYTES - filled) return fill(bytes)
      batches[current]?.set(bytes, filled)
      filled += bytes.length
    },
    async digest() {
      if (filled > 0) thread.send({ batch: current, length: filled })
      thread.send({ end: true })
      for (;;) {
        const answer = await thread.answer()
        if ('hex' in answer) return answer.hex
      }
    },
    [Symbol.dispose]() {
      thread[Symbol.dispose]()
    },
  }
}

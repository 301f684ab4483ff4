import { Worker } from 'node:worker_threads'
import type { Digester } from '../../oci/blob.ts'
import { seenLater } from '../../shared/time.ts'

/** Large enough that a message costs nothing beside it. */
const BATCH_BYTES = 1 << 20
/** Batches under way: one is filled, one is hashed, one waits. */
const BATCHES = 3

/** A worker cannot import from inside of the executable, so its source is text. */
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

type Answer = { readonly batch: number } | { readonly hex: string }

/**
 * A running hash in a thread of its own. SHA-256 of a gigabyte is about a second of CPU, which the thread that receives and
 * decompresses does not have (docs/performance.md). Memory is bounded: who is faster than the hash waits for it.
 */
export function hashThread(algorithm: 'sha256' | 'sha512'): Digester & Disposable {
  const memory = Array.from({ length: BATCHES }, () => new SharedArrayBuffer(BATCH_BYTES))
  const batches = memory.map((shared) => new Uint8Array(shared))
  const worker = new Worker(WORK, { eval: true, workerData: { algorithm, batches: memory } })
  worker.unref()
  const free = batches.map((_, index) => index)
  let current = free.pop() ?? 0
  let filled = 0
  let waiting: PromiseWithResolvers<void> | undefined
  const result = Promise.withResolvers<string>()
  void seenLater(result.promise)

  function fail(error: Error): void {
    result.reject(error)
    waiting?.reject(error)
  }
  worker.on('message', (answer: Answer) => {
    if ('hex' in answer) return result.resolve(answer.hex)
    free.push(answer.batch)
    waiting?.resolve()
  })
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('the hash thread ended')))

  async function handOver(): Promise<void> {
    worker.postMessage({ batch: current, length: filled })
    while (free.length === 0) {
      waiting = Promise.withResolvers<void>()
      await keepAlive(waiting.promise)
      waiting = undefined
    }
    current = free.pop() ?? 0
    filled = 0
  }

  /** The thread alone keeps no process alive; somebody who waits for it does. */
  async function keepAlive<T>(promise: Promise<T>): Promise<T> {
    worker.ref()
    try {
      return await promise
    } finally {
      worker.unref()
    }
  }

  return {
    update(bytes) {
      const room = BATCH_BYTES - filled
      if (bytes.length < room) {
        batches[current]?.set(bytes, filled)
        filled += bytes.length
        return
      }
      return fill(bytes)
    },
    digest() {
      if (filled > 0) worker.postMessage({ batch: current, length: filled })
      worker.postMessage({ end: true })
      return keepAlive(result.promise)
    },
    [Symbol.dispose]() {
      worker.removeAllListeners()
      void worker.terminate()
    },
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
}

import type { FileHandle } from 'node:fs/promises'
import { takerOf, transferable } from './chunk-memory.ts'
import { startThread } from './thread.ts'

/** Chunks that may be on their way: one is written, the others wait, so that the pipe is never empty for want of us. */
const UNDER_WAY = 3

const WORK = `
const { writeSync } = require('node:fs')
const { parentPort, workerData: fd } = require('node:worker_threads')

parentPort.on('message', ({ chunk }) => {
  if (chunk === undefined) return parentPort.close()
  try {
    for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at)
  } catch ({ message, code }) {
    parentPort.postMessage({ message, code })
    return parentPort.close()
  }
  parentPort.postMessage({ memory: chunk.buffer }, [chunk.buffer])
})`

type Message = { readonly chunk: Uint8Array<ArrayBuffer> } | { readonly chunk?: never }
type Answer = { readonly memory: ArrayBuffer } | { readonly message: string; readonly code: string | undefined }

/** Writes to a pipe, in order. */
export interface PipeWriter extends AsyncDisposable {
  /** Takes a chunk, and waits while too many are under way. @throws what write(2) said of an earlier one, such as `EPIPE` */
  write(chunk: Uint8Array): Promise<void>
  /** Waits until all is written. @throws as `write` */
  flushed(): Promise<void>
}

/**
 * A thread that does nothing but wait for the reader: a write of a megabyte to a pipe of 64 KiB is one call there. On the pool it was
 * two, with a turn of the main thread between them, in which the reader starved (docs/performance.md).
 * @param pipe in blocking mode; stays the caller's to close, after this one is disposed of
 */
export function pipeWriter(pipe: FileHandle): PipeWriter {
  const thread = startThread<Message, Answer>(WORK, pipe.fd)
  const takers: ((memory: ArrayBuffer) => void)[] = []

  function take(answer: Answer): void {
    if ('memory' in answer) takers.shift()?.(answer.memory)
    else throw Object.assign(new Error(answer.message), { code: answer.code })
  }

  return {
    async write(bytes) {
      const chunk = transferable(bytes)
      takers.push(takerOf(chunk.buffer))
      thread.send({ chunk }, [chunk.buffer])
      for (let done = thread.answered(); done !== undefined; done = thread.answered()) take(done)
      while (takers.length >= UNDER_WAY) take(await thread.answer())
    },
    async flushed() {
      while (takers.length > 0) take(await thread.answer())
    },
    async [Symbol.asyncDispose]() {
      thread.send({})
      await thread.ended()
    },
  }
}

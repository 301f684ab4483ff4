import type { Transferable } from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import { AppError } from './errors.ts'

/** A thread of its own that is sent messages and answers them. */
export interface Thread<Message, Answer> extends Disposable {
  /** What is transferred is the thread's, and empty here. One that has ended hears nothing any more. */
  send(message: Message, transfer?: readonly Transferable[]): void
  /** The next answer, for one caller at a time. @throws what ended the thread */
  answer(): Promise<Answer>
  /** An answer that is there already. */
  answered(): Answer | undefined
}

/** @param source of the thread as text: it cannot import from inside of the executable */
export function startThread<Message, Answer>(source: string, workerData: unknown): Thread<Message, Answer> {
  const worker = new Worker(source, { eval: true, workerData })
  worker.unref()
  const answers: Answer[] = []
  let ended: Error | undefined
  let news = Promise.withResolvers<void>()

  function end(error: NodeJS.ErrnoException): void {
    // Without memory or threads: nothing that its source has thrown.
    const isOurs = error.code?.startsWith('ERR_WORKER') === true
    ended ??= isOurs ? new AppError('step-failed', 'Cannot go on: a thread failed', { cause: error }) : error
    news.resolve()
  }
  worker.on('message', (answer: Answer) => {
    answers.push(answer)
    news.resolve()
  })
  worker.on('error', end)
  worker.on('exit', () => end(new AppError('step-failed', 'Cannot go on: a thread ended')))

  return {
    send(message, transfer = []) {
      worker.postMessage(message, transfer)
    },
    async answer() {
      for (;;) {
        const answer = answers.shift()
        if (answer !== undefined) return answer
        if (ended !== undefined) throw ended
        news = Promise.withResolvers()
        // The thread alone keeps no process alive; somebody who waits for it does.
        worker.ref()
        await news.promise
        worker.unref()
      }
    },
    answered: () => answers.shift(),
    [Symbol.dispose]() {
      worker.removeAllListeners()
      void worker.terminate()
    },
  }
}

import type { Transferable } from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import type { ErrorCode } from './errors.ts'
import { AppError } from './errors.ts'

/** A thread of its own that is sent messages and answers them. */
export interface Thread<Message, Answer> extends Disposable {
  /** What is transferred is the thread's, and empty here. One that has ended hears nothing any more. */
  send(message: Message, transfer?: readonly Transferable[]): void
  /** The next answer, for one caller at a time. @throws what ended the thread */
  answer(): Promise<Answer>
  /** An answer that is there already. */
  answered(): Answer | undefined
  /** Waits until it has ended by itself. An addon must not be in a call when its thread is disposed of: it would abort the process. */
  ended(): Promise<void>
}

/**
 * What its source throws is a failure of the machine, such as no memory: what is wrong with the content is an answer.
 * @param source of the thread as text: it cannot import from inside of the executable
 * @param code of its failures
 * @throws when there is no thread to be had
 */
export function startThread<Message, Answer>(
  source: string,
  workerData: unknown,
  code: ErrorCode = 'step-failed',
): Thread<Message, Answer> {
  const failed = (cause: unknown) => new AppError(code, 'Cannot go on: a thread failed', { cause })
  const worker = newWorker(source, workerData, failed)
  worker.unref()
  const answers: Answer[] = []
  let ended: AppError | undefined
  let news = Promise.withResolvers<void>()

  function end(error: AppError): void {
    ended ??= error
    news.resolve()
  }
  worker.on('message', (answer: Answer) => {
    answers.push(answer)
    news.resolve()
  })
  worker.on('error', (error) => end(failed(error)))
  const gone = Promise.withResolvers<void>()
  worker.on('exit', () => {
    end(new AppError(code, 'Cannot go on: a thread ended'))
    gone.resolve()
  })

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
    ended() {
      worker.ref()
      return gone.promise
    },
    [Symbol.dispose]() {
      worker.removeAllListeners()
      // An error that is under way is still told, and would end the process.
      worker.on('error', () => undefined)
      void worker.terminate()
    },
  }
}

function newWorker(source: string, workerData: unknown, failed: (cause: unknown) => Error): Worker {
  try {
    // Options of Node are for our modules, of which it has none.
    return new Worker(source, { eval: true, workerData, execArgv: [] })
  } catch (cause) {
    throw failed(cause)
  }
}

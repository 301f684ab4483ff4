import { AppError } from '../shared/errors.ts'

/** One conversation with a server; a connection that fails is worth another try. @throws `registry-answer` */
export async function reached<T>(server: string, talk: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await talk()
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof AppError) throw cause
    throw new AppError('registry-answer', `Cannot reach ${server}`, { cause, facts: { transient: true } })
  }
}

/** Whether the server said "later". */
export function isLater(status: number): boolean {
  return status >= 500 || status === 429 || status === 408
}

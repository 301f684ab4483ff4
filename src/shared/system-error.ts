import type { ErrorCode } from './errors.ts'
import { AppError } from './errors.ts'

/**
 * For `.catch()`: a failure of the operating system (errno) becomes an error that says what could not be done. Anything
 * else is an error of ours already, or a bug, and passes.
 */
export function cannot(code: ErrorCode, what: string): (cause: unknown) => never {
  return (cause) => {
    if (cause instanceof Error && 'syscall' in cause) throw new AppError(code, `Cannot ${what}`, { cause })
    throw cause
  }
}

/** Whether the operating system said so, such as `EBUSY` (errno(3)). */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** For `.catch()`: what is not there is undefined. */
export function absent(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT')) throw error
}

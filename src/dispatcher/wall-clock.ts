import { errorText } from '../shared/errors.ts'
import type { Programs } from '../shared/exec.ts'
import { jobIdTime } from '../shared/ids.ts'
import type { Clock } from '../shared/time.ts'

/** Less does no harm: the controller's certificates begin 30 days in the past. */
const TOLERATED_MS = 24 * 60 * 60 * 1000

/**
 * Sets a clock that stands before the time the job was made at, as one does whose battery is empty: every certificate would be one
 * of the future. It is never set back. Gives what is to be told; undefined when nothing was to do.
 */
export async function mendClock(
  jobId: string,
  clock: Clock,
  programs: Programs,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [now, made] = [clock.now(), jobIdTime(jobId)]
  if (made === undefined || made.getTime() - now.getTime() <= TOLERATED_MS) return undefined
  const state = `the clock of this server stood at ${now.toISOString()}, before the job was made`
  try {
    await programs.run({ argv: ['date', `--set=@${Math.ceil(made.getTime() / 1000)}`] }, signal)
    return `${state}: it was set to ${made.toISOString()}. Is its battery empty?`
  } catch (error) {
    signal.throwIfAborted()
    return `${state}, and it cannot be set: ${errorText(error)}`
  }
}

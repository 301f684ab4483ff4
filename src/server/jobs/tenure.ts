import type { Logger } from '../../shared/log.ts'
import { sleep } from '../../shared/time.ts'
import type { JobLeases } from './ports.ts'

/** The time in which a worker may work on the jobs it holds. Once it is over, all of them are lost together. */
export interface Tenure {
  /** Aborts when the worker holds nothing any more, or cannot know. */
  readonly lost: AbortSignal
  /** Asked right before a server is touched: a process that was stopped for an hour must not go on where it was. */
  assert(): void
}

export interface TenureTimes {
  readonly beatMs: number
  /** A worker that has not beaten for so long, as another one sees it, is dead. */
  readonly leaseMs: number
}

export interface TenureDeps extends TenureTimes {
  readonly jobs: JobLeases
  readonly log: Logger
  /** Told of jobs that were ended by another process. */
  onEnded(ids: readonly string[]): Promise<void>
  tookOver?(): void
}

/**
 * Beats for all jobs of a worker in one statement, and buries workers that do not beat any more. Nobody compares clocks: a
 * worker gives up when its own beat is two thirds of a lease old, another one takes over when it has watched the same
 * beat for a whole one.
 */
export function beginTenure(
  worker: string,
  deps: TenureDeps,
  signal: AbortSignal,
): Tenure & { readonly ended: Promise<void> } {
  const { jobs, log, beatMs, leaseMs } = deps
  const lost = new AbortController()
  const seen = new Map<string, { readonly beat: number; readonly since: number }>()
  let beaten = performance.now()
  const isStale = () => performance.now() - beaten >= (leaseMs * 2) / 3

  async function beat(): Promise<void> {
    const at = performance.now()
    if (!(await jobs.beat(worker))) return lost.abort(new Error(`worker "${worker}" was taken for dead`))
    beaten = at
    await deps.onEnded(await jobs.ended(worker))
    await buryTheDead()
  }

  async function buryTheDead(): Promise<void> {
    const others = (await jobs.workers()).filter(({ name }) => name !== worker)
    for (const { name, beat: count } of others) {
      const known = seen.get(name)
      if (known?.beat !== count) seen.set(name, { beat: count, since: performance.now() })
      else if (performance.now() - known.since >= leaseMs && (await jobs.bury(name, count))) {
        seen.delete(name)
        deps.tookOver?.()
        log.warn({ worker: name }, 'took over the jobs of a worker that is gone')
      }
    }
  }

  async function run(): Promise<void> {
    const going = AbortSignal.any([signal, lost.signal])
    while (!going.aborted) {
      await sleep(beatMs, going).catch(() => undefined)
      if (going.aborted) return
      await beat().catch((error: unknown) => log.error({ err: error }, 'the worker cannot show that it lives'))
      if (isStale()) lost.abort(new Error(`worker "${worker}" could not show that it lives`))
    }
  }

  return {
    lost: lost.signal,
    ended: run(),
    assert() {
      if (isStale()) lost.abort(new Error(`worker "${worker}" was stopped for too long`))
      lost.signal.throwIfAborted()
    },
  }
}

import { createHash } from 'node:crypto'
import { SECTOR } from '../../isobuilder/constants.ts'
import type { Medium } from './medium.ts'

/** Where the second medium begins in the combined one: on a sector, as the dispatcher looks for it behind the first volume. */
export function taskOffset(maintenance: Pick<Medium, 'size'>): number {
  return Math.ceil(maintenance.size / SECTOR) * SECTOR
}

/**
 * Both media as one, for a BMC with one slot: the maintenance bytes unchanged, zeros up to a sector, the task medium. The
 * dispatcher looks behind the volume it was started from (dispatcher/medium.ts). Nothing is copied.
 */
export function combinedMedium(maintenance: Medium, task: Medium): Medium {
  const base = taskOffset(maintenance)
  async function* read(start: number, end: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if (start < maintenance.size) yield* maintenance.read(start, Math.min(end, maintenance.size), signal)
    const zeros = Math.min(end, base) - Math.max(start, maintenance.size)
    if (zeros > 0) yield new Uint8Array(zeros)
    if (end > base) yield* task.read(Math.max(0, start - base), end - base, signal)
  }
  const etag = createHash('sha256').update(`${maintenance.size} ${maintenance.etag} ${task.etag}`).digest('hex')
  return { size: base + task.size, etag: `"${etag}"`, read }
}

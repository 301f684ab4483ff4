import type { JobEvent } from './machine.ts'
import type { HistoryEntry } from './ports.ts'

/** What the history says when a job changes its status; the first word is read by `spanOf`, what follows is for people. */
export function statusMessage(event: JobEvent): string {
  switch (event.type) {
    case 'claimed':
      return 'provisioning'
    case 'reported-success':
      return 'succeeded'
    case 'reported-failure':
    case 'broke':
    case 'timed-out':
      return `failed in ${event.failedStep}${event.message === null ? '' : `: ${event.message}`}`
    case 'cancelled':
      return 'cancelled'
    case 'cleaned-up':
      return 'complete'
  }
}

/** The phases that changes of status begin (machine.ts `phaseOf`); before the first and after the last it is the status. */
const SPANS: Readonly<Record<string, string>> = {
  queued: 'queued',
  provisioning: 'preparing',
  succeeded: 'cleaning-up',
  failed: 'cleaning-up',
  cancelled: 'cleaning-up',
  complete: 'complete',
}

/** The part of a job's time that begins with this entry and ends with the next that begins one; null when none begins. */
export function spanOf({ type, message }: Pick<HistoryEntry, 'type' | 'message'>): string | null {
  if (type === 'phase') return message
  return type === 'status' ? (SPANS[/^[a-z]*/.exec(message)?.[0] ?? ''] ?? null) : null
}

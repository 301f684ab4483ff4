import type { FromSchema } from '../http/schema.ts'
import type { BmcKind, LearnedProfile } from '../jobs/bmc-ports.ts'
import { spanOf } from '../jobs/history.ts'
import type { JobSummary } from '../jobs/machine.ts'
import type { HistoryEntry, ListedServer } from '../jobs/ports.ts'
import { etaSeconds, rateAt } from '../jobs/progress.ts'
import type { AUDIT_ENTRY, TOKEN, USER } from './account-schemas.ts'
import type { DIAGNOSIS, EVENT, JOB, JOB_WITH_EVENTS, SERVER, SERVER_DETAIL } from './schemas.ts'

/** The wire forms, written out field by field: a new column never leaks, and a password is in none of them. */

/** A job alone has its events, a job in a list has not. */
export type JobView = FromSchema<typeof JOB> & Partial<Pick<FromSchema<typeof JOB_WITH_EVENTS>, 'events'>>
export type EventView = FromSchema<typeof EVENT>
export type ServerView = FromSchema<typeof SERVER>
/** One server alone also has what is known of its BMC. */
export type ServerDetailView = FromSchema<typeof SERVER_DETAIL>
export type DiagnosisView = FromSchema<typeof DIAGNOSIS>
export type UserView = FromSchema<typeof USER>
export type TokenView = FromSchema<typeof TOKEN>
export type AuditView = FromSchema<typeof AUDIT_ENTRY>

export interface KnownBmc extends BmcKind {
  readonly seenAt: Date
  /** What worked on BMCs of this kind. `payload`: the names of what is sent to insert a medium. */
  readonly profile: (Omit<LearnedProfile, 'insert'> & { readonly payload: readonly string[] | null }) | undefined
}

/** @param now whoever asks later than the job has changed says when */
export function jobView(job: JobSummary, now: Date = job.updatedAt): JobView {
  const rate = job.progress && rateAt(job.progress, now)
  return {
    job_id: job.id,
    server_serial: job.serverSerial,
    status: job.status,
    phase: job.phase,
    outcome: job.outcome,
    failed_step: job.failedStep,
    message: job.message,
    task_target: job.taskTarget,
    attempt: job.attempt,
    retry_of: job.retryOf,
    silent_since: job.silentSince?.toISOString() ?? null,
    created_at: job.createdAt.toISOString(),
    last_update: job.updatedAt.toISOString(),
    progress: job.progress && {
      step: job.progress.step,
      bytes: job.progress.bytes,
      total_bytes: job.progress.totalBytes,
      rate: rate === null ? null : Math.round(rate),
      eta_seconds: etaSeconds({ ...job.progress, rate }),
      message: job.progress.message,
      at: job.progress.at.toISOString(),
    },
  }
}

export function eventView(entry: HistoryEntry): EventView {
  const { seq, at, type, message } = entry
  return { seq, at: at.toISOString(), type, span: spanOf(entry), message }
}

export function serverView(server: ListedServer): ServerView {
  return {
    serial: server.serial,
    uuid: server.uuid,
    vendor: server.vendor,
    bmc: { url: server.bmc.url, username: server.bmc.username, verify_tls: server.bmc.verifyTls },
    network: server.network,
    created_at: server.createdAt.toISOString(),
  }
}

export function serverDetailView(server: ListedServer, known: KnownBmc | undefined): ServerDetailView {
  const profile = known?.profile
  return {
    ...serverView(server),
    known_bmc:
      known === undefined
        ? null
        : {
            model: known.model,
            firmware: known.firmware,
            seen_at: known.seenAt.toISOString(),
            learned:
              profile === undefined
                ? null
                : {
                    payload: profile.payload,
                    boot_slot: profile.bootSlot,
                    task_slot: profile.taskSlot,
                    boot_target: profile.bootTarget,
                  },
          },
  }
}

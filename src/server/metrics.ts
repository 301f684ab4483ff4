import type { DatabaseSync } from 'node:sqlite'
import { createCounter, createHistogram } from '../shared/meters.ts'
import type { Sample } from '../shared/prometheus.ts'
import { exposition } from '../shared/prometheus.ts'
import { BUILD_ID, VERSION } from '../shared/version.ts'
import type { RequestMeter } from './http/meter-requests.ts'
import type { Job } from './jobs/machine.ts'
import { isBooted } from './jobs/machine.ts'
import type { Medium } from './media/medium.ts'
import { CONTROLLER_METRICS } from './metrics-table.ts'
import { processMeters } from './process-meters.ts'

/** An answer of the API, an event of a job, a piece of an image. */
const REQUEST_BOUNDS = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]
/** A firmware update of minutes to the longest budgets together. */
const JOB_BOUNDS = [60, 300, 600, 1_200, 2_400, 4_800, 9_600]
/** BMCs answer within a second, actions within minutes. */
const REDFISH_BOUNDS = [0.1, 0.5, 1, 5, 15, 60, 300]

/** One exchange with a BMC. */
export interface BmcRequest {
  readonly vendor: string
  readonly method: string
  /** Undefined when no answer came. */
  readonly status: number | undefined
  readonly ms: number
}

export interface ControllerMetrics {
  /** Counts a request from now on. */
  begin(): RequestMeter
  bmcRequest(request: BmcRequest): void
  /** The medium, counted as it is read. */
  counted(medium: Medium, name: string): Medium
  /** Told of each change of a job. */
  jobChanged(job: Job): void
  tookOver(): void
  /** The text that Prometheus reads. */
  text(db: DatabaseSync): string
  close(): void
}

/** Counters since the start; gauges are read when they are asked for. */
export function createControllerMetrics(): ControllerMetrics {
  const requests = createCounter('provisioner_requests_total')
  const requestSeconds = createHistogram('provisioner_request_seconds', REQUEST_BOUNDS)
  const mediaBytes = createCounter('provisioner_media_read_bytes_total')
  const jobsEnded = createCounter('provisioner_jobs_ended_total')
  const jobSeconds = createHistogram('provisioner_job_seconds', JOB_BOUNDS)
  const bmcRequests = createCounter('provisioner_redfish_requests_total')
  const bmcSeconds = createHistogram('provisioner_redfish_request_seconds', REDFISH_BOUNDS)
  const takeovers = createCounter('provisioner_worker_takeovers_total')
  takeovers.add({}, 0)
  const meters = [takeovers, requests, requestSeconds, mediaBytes, jobsEnded, jobSeconds, bmcRequests, bmcSeconds]
  const own = processMeters()
  let inFlight = 0
  let streams = 0

  function begin(): RequestMeter {
    const begun = performance.now()
    let route: string | undefined
    let isStream = false
    inFlight++
    return {
      answered(to, method, status, stream) {
        requests.add({ route: to, method, status: String(status) })
        route = to
        isStream = stream
        if (stream) streams++
      },
      ended() {
        inFlight--
        if (isStream) streams--
        else if (route !== undefined) requestSeconds.observe({ route }, (performance.now() - begun) / 1000)
      },
    }
  }

  return {
    begin,
    bmcRequest({ vendor, method, status, ms }) {
      bmcRequests.add({ vendor, method, status: String(status ?? 'none') })
      bmcSeconds.observe({ vendor }, ms / 1000)
    },
    counted(medium, name) {
      async function* read(start: number, end: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
        for await (const piece of medium.read(start, end, signal)) {
          mediaBytes.add({ medium: name }, piece.byteLength)
          yield piece
        }
      }
      return { ...medium, read }
    },
    jobChanged({ status, outcome, createdAt, updatedAt }) {
      if (status !== 'complete') return
      jobsEnded.add({ outcome: outcome ?? 'none' })
      jobSeconds.observe({ outcome: outcome ?? 'none' }, (updatedAt.getTime() - createdAt.getTime()) / 1000)
    },
    tookOver: () => takeovers.add({}),
    text(db) {
      const gauges: Sample[] = [
        { name: 'provisioner_build_info', labels: { version: VERSION, build: BUILD_ID }, value: 1 },
        { name: 'provisioner_requests_in_flight', value: inFlight },
        { name: 'provisioner_event_streams', value: streams },
        ...jobSamples(db),
        { name: 'provisioner_database_bytes', value: databaseBytes(db) },
        ...own.samples(),
      ]
      return exposition(CONTROLLER_METRICS, [...meters.flatMap((meter) => meter.samples()), ...gauges])
    },
    close: own.close,
  }
}

/** By an index of the few jobs that are not complete. Phases `running:<step>` are named by maintenance images: no label. */
function jobSamples(db: DatabaseSync): Sample[] {
  const rows = db
    .prepare(
      `SELECT status, CASE WHEN phase LIKE 'running:%' THEN 'running' ELSE COALESCE(phase, '') END AS phase,
       COUNT(*) AS n FROM jobs WHERE status <> 'complete' GROUP BY 1, 2`,
    )
    .all()
    .map((row) => ({ status: String(row['status']), phase: String(row['phase']), n: Number(row['n']) }))
  const waiting = rows.filter(({ status, phase }) => status === 'provisioning' && isBooted({ phase } as Job))
  return [
    ...rows.map(({ status, phase, n }) => ({ name: 'provisioner_jobs', labels: { status, phase }, value: n })),
    { name: 'provisioner_jobs_waiting_for_report', value: waiting.reduce((sum, { n }) => sum + n, 0) },
  ]
}

function databaseBytes(db: DatabaseSync): number {
  const pragma = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
  return pragma('page_count') * pragma('page_size')
}

import type { RedfishAnswer } from './answer.ts'
import { hasMessage } from './messages.ts'

/** A refusal that passes by itself. */
export interface RetryRow {
  readonly methods: readonly string[]
  readonly status?: readonly number[]
  /** End of the message's id. */
  readonly message?: RegExp
  readonly path?: RegExp
  /** Tries in all. */
  readonly attempts: number
  /** Wait before the second try; doubled each time up to `maxMs`. */
  readonly firstMs: number
  readonly maxMs: number
  /** How we know. */
  readonly seen: string
}

const ANY = ['GET', 'POST', 'PATCH', 'DELETE']

/** First match wins. What is not here is not sent again: a POST may have been done although its answer says no. */
const RETRIES: readonly RetryRow[] = [
  {
    methods: ANY,
    message: /SYS518$/,
    attempts: 6,
    firstMs: 5_000,
    maxMs: 30_000,
    seen: 'Dell iDRAC: "iDRAC is currently unable to display any information" while it gathers inventory (sushy)',
  },
  {
    methods: ANY,
    message: /SYS446$/,
    attempts: 4,
    firstMs: 5_000,
    maxMs: 20_000,
    seen: 'Dell iDRAC: it is busy with another operation (field notes of ironic)',
  },
  {
    methods: ['PATCH', 'POST'],
    message: /UnableToModifyDuringSystemPOST$/,
    attempts: 12,
    firstMs: 5_000,
    maxMs: 60_000,
    seen: 'HPE iLO 5/6: boot settings are frozen during POST (gofish, ironic)',
  },
  {
    methods: ANY,
    message: /(InvalidOperationForSystemState|ResourceNotReadyRetry)$/,
    // Whether the server is on already is seen by looking, not by asking again (power.ts).
    path: /^(?!.*ComputerSystem\.Reset$)/,
    attempts: 6,
    firstMs: 5_000,
    maxMs: 30_000,
    seen: 'HPE iLO after a reset (sushy)',
  },
  {
    methods: ['POST'],
    message: /ActionInProgress$/,
    attempts: 6,
    firstMs: 5_000,
    maxMs: 30_000,
    seen: 'AMI MegaRAC: RMedia restarts after it was switched or configured',
  },
  {
    methods: ['POST'],
    status: [500],
    path: /VirtualMedia\.InsertMedia$/,
    attempts: 3,
    firstMs: 3_000,
    maxMs: 3_000,
    seen: 'Dell iDRAC: InsertMedia shortly after EjectMedia (ironic)',
  },
  { methods: ANY, status: [429, 503], attempts: 5, firstMs: 2_000, maxMs: 30_000, seen: 'RFC 9110 10.2.3 Retry-After' },
  { methods: ['GET'], status: [500, 502, 504], attempts: 3, firstMs: 1_000, maxMs: 5_000, seen: 'sushy, all vendors' },
]

export function findRetry(answer: RedfishAnswer): RetryRow | undefined {
  return RETRIES.find(
    (row) =>
      row.methods.includes(answer.method) &&
      (row.status === undefined ? answer.status >= 400 : row.status.includes(answer.status)) &&
      (row.message === undefined || hasMessage(answer.messages, row.message)) &&
      (row.path === undefined || row.path.test(answer.path)),
  )
}

/** Wait before try number `attempt` + 1 (from 0), in milliseconds: what the BMC asks for when it does, at most a minute. */
export function retryWaitMs(row: RetryRow, attempt: number, answer: RedfishAnswer): number {
  const asked = retryAfterMs(answer)
  return asked === undefined ? Math.min(row.maxMs, row.firstMs * 2 ** attempt) : Math.min(60_000, asked)
}

/** `Retry-After` in seconds (RFC 9110 10.2.3); dates are ignored, a BMC's clock is not to be trusted. */
export function retryAfterMs(answer: RedfishAnswer): number | undefined {
  const text = answer.headers['retry-after']
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) * 1000 : undefined
}

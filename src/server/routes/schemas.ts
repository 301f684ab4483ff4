import { listOf, record } from '../http/schema.ts'
import { ENTRY_TYPES } from '../jobs/ports.ts'

/** What the API answers with; views.ts fills these, and the client's types are made of them. */

const TEXT = { type: 'string' } as const
const TEXT_OR_NULL = { type: ['string', 'null'] } as const
const COUNT_OR_NULL = { type: ['integer', 'null'], minimum: 0 } as const
export const TIME = { type: 'string', format: 'date-time', description: 'a time in UTC (RFC 3339)' } as const

export const STATUSES = ['queued', 'provisioning', 'succeeded', 'failed', 'complete'] as const
export const OUTCOMES = ['success', 'failed', 'timeout', 'cancelled'] as const

export const SERIAL = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  description: 'up to 64 letters, digits, ".", "_" and "-"',
} as const

/** Of a query. */
export const PAGE_QUERY = {
  cursor: { type: 'string', maxLength: 100, description: 'the "next" of a page' },
  limit: { type: 'integer', minimum: 1, maximum: 500, description: 'a number from 1 to 500' },
} as const
export const PAGE_SIZE = 100

export const PROBLEM_DETAIL = record('ProblemDetail', {
  path: { type: 'string', description: 'a JSON pointer (RFC 6901)' },
  code: TEXT,
  message: TEXT,
})

/** RFC 9457 with our `code` and `details`. */
export const PROBLEM = record(
  'Problem',
  { type: TEXT, title: TEXT, status: { type: 'integer' }, instance: TEXT },
  { detail: TEXT, code: { type: 'string', description: 'one of docs/errors.md' }, details: listOf(PROBLEM_DETAIL) },
)

export const OK = record('Ok', { ok: { type: 'boolean' } })

export const PROGRESS = record('Progress', {
  step: TEXT,
  bytes: COUNT_OR_NULL,
  total_bytes: COUNT_OR_NULL,
  rate: { type: ['number', 'null'], description: 'bytes per second, smoothed over some ten seconds' },
  eta_seconds: { type: ['integer', 'null'], minimum: 0, description: 'seconds until the phase is done, at that rate' },
  message: { ...TEXT_OR_NULL, description: 'a sentence, or the phase of the step that is counted' },
  at: TIME,
})

export const EVENT = record('Event', {
  seq: { type: 'integer', minimum: 1 },
  at: TIME,
  type: { type: 'string', description: `one of ${ENTRY_TYPES.join(', ')}` },
  span: {
    type: ['string', 'null'],
    description: 'the part of the job that begins with it: queued, a phase, or complete, which is the end of the last',
  },
  message: TEXT,
})

export const JOB = record('Job', {
  job_id: TEXT,
  server_serial: TEXT,
  status: { enum: STATUSES },
  phase: {
    type: ['string', 'null'],
    description: 'preparing, mounting, booting, dispatching, running:<step>, cleaning-up',
  },
  outcome: { enum: [...OUTCOMES, null] },
  failed_step: TEXT_OR_NULL,
  message: TEXT_OR_NULL,
  task_target: TEXT,
  attempt: { type: 'integer', minimum: 1 },
  retry_of: TEXT_OR_NULL,
  silent_since: {
    ...TIME,
    type: ['string', 'null'],
    description: 'when the maintenance OS was last heard of, once that is too long ago',
  },
  created_at: TIME,
  last_update: TIME,
  progress: { ...PROGRESS, type: ['object', 'null'] },
})

export const JOB_WITH_EVENTS = record('JobWithEvents', { ...JOB.properties, events: listOf(EVENT) })

export const NETWORK = {
  type: ['object', 'null'],
  title: 'NetworkPlan',
  description: 'the static addresses of the maintenance OS; null means DHCP',
  additionalProperties: false,
  required: ['mac', 'addresses', 'gateway', 'dns'],
  properties: {
    mac: {
      type: 'string',
      pattern: '^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$',
      description: 'such as "52:54:00:12:34:56"',
    },
    addresses: listOf({ type: 'string', format: 'interface-address', description: 'such as "192.0.2.17/24"' }),
    gateway: { type: ['string', 'null'], format: 'ip-address', description: 'an IP address or null' },
    dns: listOf({ type: 'string', format: 'ip-address', description: 'an IP address' }),
    vlan: { type: 'integer', minimum: 1, maximum: 4094, description: 'the VLAN of the addresses, if they are on one' },
    mtu: { type: 'integer', minimum: 576, maximum: 9216, description: 'bytes of the largest packet' },
  },
} as const

export const SERVER = record('Server', {
  serial: TEXT,
  uuid: TEXT_OR_NULL,
  vendor: TEXT_OR_NULL,
  bmc: record('BmcAddress', { url: TEXT, username: TEXT, verify_tls: { type: 'boolean' } }),
  network: NETWORK,
  created_at: TIME,
})

const LEARNED = record('LearnedProfile', {
  payload: {
    type: ['array', 'null'],
    items: TEXT,
    description: 'the names of what is sent to insert a medium, once one was inserted',
  },
  boot_slot: TEXT_OR_NULL,
  task_slot: { ...TEXT_OR_NULL, description: 'null when one medium holds both' },
  boot_target: TEXT_OR_NULL,
})

const KNOWN_BMC = record('KnownBmc', {
  model: TEXT,
  firmware: TEXT,
  seen_at: TIME,
  learned: { ...LEARNED, type: ['object', 'null'], description: 'what worked on BMCs of this model and firmware' },
})

export const SERVER_DETAIL = record('ServerDetail', {
  ...SERVER.properties,
  known_bmc: { ...KNOWN_BMC, type: ['object', 'null'], description: 'null until the BMC was asked' },
})

const FINDING = record('Finding', {
  check: TEXT,
  state: { enum: ['ok', 'warning', 'failed', 'skipped'] },
  message: TEXT,
  advice: TEXT_OR_NULL,
})

export const DIAGNOSIS = record('Diagnosis', { serial: TEXT, healthy: { type: 'boolean' }, findings: listOf(FINDING) })

export const POWER = record('Power', { serial: TEXT, power: { enum: ['on', 'off'] } })

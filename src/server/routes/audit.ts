import { AppError } from '../../shared/errors.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { json } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { listOf, record } from '../http/schema.ts'
import type { AuditStore } from '../store/audit.ts'
import { AUDIT_ENTRY } from './account-schemas.ts'

export interface AuditRouteDeps {
  readonly trail: Pick<AuditStore, 'list'>
  /** PEM of the CA that clients must trust; undefined without one. */
  readonly caPem: string | undefined
}

const PAGE = 100
const MAX_PAGE = 1000

const AUDIT_LIST = record('AuditList', { entries: listOf(AUDIT_ENTRY), next: { type: ['integer', 'null'] } })

export const AUDIT_ENDPOINTS = {
  listAudit: {
    method: 'GET',
    path: '/api/v1/audit',
    may: 'admin',
    summary: 'Who changed what, the newest first',
    query: {
      limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE, description: `a number from 1 to ${MAX_PAGE}` },
      before: { type: 'integer', minimum: 1, description: 'the id of an entry: those before it' },
      caller: { type: 'string', description: 'such as user:NAME or service:NAME' },
      object: { type: 'string', description: 'such as servers/SN1' },
    },
    answers: { 200: json('The entries, and where the next page begins', AUDIT_LIST) },
  },
  getCa: {
    method: 'GET',
    path: '/ca.pem',
    may: 'anyone',
    summary: 'The CA to trust; compare its fingerprint with the one that the controller printed',
    answers: { 200: { description: 'PEM', content: { 'application/x-pem-file': { type: 'string' } } } },
    errors: ['not-found'],
  },
} as const satisfies Endpoints

export function auditHandlers({ trail, caPem }: AuditRouteDeps): Handlers<typeof AUDIT_ENDPOINTS> {
  return {
    listAudit({ query, reply }) {
      const limit = query.limit ?? PAGE
      const { before, caller, object } = query
      const found = trail.list({ limit, before, caller, object })
      const entries = found.map(({ at, ...entry }) => ({ ...entry, at: at.toISOString() }))
      return reply(200, { entries, next: found.length === limit ? (found.at(-1)?.id ?? null) : null })
    },
    getCa({ c }) {
      if (caPem === undefined)
        throw new AppError('not-found', 'Cannot find a CA: clients trust this controller already')
      return c.body(caPem, 200, { 'content-type': 'application/x-pem-file' })
    },
  }
}

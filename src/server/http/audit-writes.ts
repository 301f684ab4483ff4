import type { Context } from 'hono'
import type { AuditEntry } from '../../shared/audit.ts'
import type { Account } from '../store/tokens.ts'
import { addressOf } from './address.ts'
import { statusOf } from './problem.ts'

/** Resolves when the entry is stored: nothing is answered before. */
export type Audit = (entry: AuditEntry, ms: number) => Promise<void>

/** Long enough for every path of ours; a longer one is no object. */
const MAX_OBJECT = 200

/**
 * Answers, and records what a known caller did or was refused. Strangers are not recorded: they could fill the trail with
 * whatever they like.
 */
export async function audited(
  audit: Audit,
  { name, account, c }: { readonly name: string; readonly account: Account; readonly c: Context },
  answer: () => Promise<Response>,
): Promise<Response> {
  const begun = performance.now()
  const record = (status: number, object: string) =>
    audit(
      {
        audit: name,
        caller: `${account.kind}:${account.name}`,
        address: addressOf(c) ?? null,
        object: object.replace(/^\/api\/v1\//, '').slice(0, MAX_OBJECT),
        status,
      },
      Math.round(performance.now() - begun),
    )
  try {
    const response = await answer()
    // What was made is named by its address.
    await record(response.status, response.headers.get('location') ?? c.req.path)
    return response
  } catch (error) {
    await record(statusOf(error), c.req.path)
    throw error
  }
}

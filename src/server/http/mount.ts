import type { Context, Hono } from 'hono'
import type { Role } from '../../shared/role.ts'
import type { JobSummary } from '../jobs/machine.ts'
import type { Account } from '../store/tokens.ts'
import type { Audit } from './audit-writes.ts'
import { audited } from './audit-writes.ts'
import { checkRole } from './auth.ts'
import type { RequestSchemas } from './check-request.ts'
import { checkPart, fromText, requestSchemas } from './check-request.ts'
import type {
  Access,
  AnswerOf,
  BodyOf,
  Endpoint,
  Endpoints,
  HeadersOf,
  ParamsOf,
  QueryOf,
  StatusOf,
} from './endpoint.ts'
import { isOpen } from './endpoint.ts'
import { checkMediaType, readRequestBody } from './request.ts'
import type { Properties } from './schema.ts'

/** One request as its handler gets it: the caller may, and every part is what the endpoint's row says. */
export interface Call<E extends Endpoint> {
  readonly c: Context
  readonly params: ParamsOf<E>
  readonly query: QueryOf<E>
  readonly headers: HeadersOf<E>
  readonly body: BodyOf<E>
  readonly account: E['may'] extends Role ? Account : undefined
  /** Whose secret came with the request. */
  readonly job: E['may'] extends 'job' ? JobSummary : undefined
  readonly signal: AbortSignal
  /** A JSON answer that the row has; null for an empty one. */
  reply<S extends StatusOf<E>>(status: S, value: AnswerOf<E, S>): Response
}

/** A handler for every endpoint of a table. */
export type Handlers<T extends Endpoints> = {
  readonly [K in keyof T]: (call: Call<T[K]>) => Response | Promise<Response>
}

/** How callers prove who they are. */
export interface Gate {
  /** @throws `unauthenticated` */
  account(c: Context): Account | Promise<Account>
  /** The job whose secret came with the request. @throws `unauthenticated`, `job-not-found` */
  job(c: Context): Promise<JobSummary>
  /** Is told of everything that accounts change, or try to. */
  readonly audit?: Audit
}

/** Registers the endpoints of a table. The caller comes first, then the request, then its handler: nothing is read of strangers. */
export function mount<T extends Endpoints>(app: Hono, table: T, handlers: Handlers<T>, gate: Gate): void {
  for (const [name, endpoint] of Object.entries(table)) {
    const handler = handlers[name] as unknown as (call: Call<Endpoint>) => Response | Promise<Response>
    const schemas = requestSchemas(endpoint)
    app.on(endpoint.method, honoPath(endpoint.path), async (c) => {
      const caller = await identify(c, endpoint.may, gate)
      const answer = async () => {
        if (caller.account !== undefined && !isOpen(endpoint.may)) checkRole(caller.account, endpoint.may)
        return handler(await callOf(name, endpoint, schemas, c, caller))
      }
      if (caller.account === undefined || gate.audit === undefined || endpoint.method === 'GET') return answer()
      return audited(gate.audit, { name, account: caller.account, c }, answer)
    })
  }
}

/** `/jobs/{id}` is hono's `/jobs/:id`. */
function honoPath(path: string): string {
  return path.replace(/\{([a-z_]+)\}/g, ':$1')
}

/** @throws `unauthenticated`, `rate-limited` */
async function identify(c: Context, may: Access, gate: Gate): Promise<Caller> {
  if (may === 'anyone') return {}
  if (may === 'job') return { job: await gate.job(c) }
  return { account: await gate.account(c) }
}

interface Caller {
  readonly account?: Account
  readonly job?: JobSummary
}

async function callOf(
  name: string,
  endpoint: Endpoint,
  schemas: RequestSchemas,
  c: Context,
  caller: Caller,
): Promise<Call<Endpoint>> {
  const query = fromText(endpoint.query ?? {}, queryOf(c))
  const headers = fromText(endpoint.headers ?? {}, headersOf(c, endpoint.headers ?? {}))
  checkPart(`${name}.query`, schemas.query, query)
  checkPart(`${name}.headers`, schemas.headers, headers)
  // The maintenance OS, and whoever writes another one, may call JSON what they like.
  if (endpoint.body !== undefined && !isOpen(endpoint.may)) checkMediaType(c, endpoint.body)
  const body = endpoint.body === undefined ? undefined : await readRequestBody(c, endpoint.body)
  checkPart(`${name}.body`, schemas.body, body)
  return {
    c,
    params: c.req.param() as never,
    query: query as never,
    headers: headers as never,
    body: body as never,
    account: caller.account as never,
    job: caller.job as never,
    signal: c.req.raw.signal,
    reply: (status, value) =>
      value === null ? c.body(null, status as never) : c.json(value as never, status as never),
  }
}

/** A parameter that is given twice stays a list, which no schema of a parameter takes. */
function queryOf(c: Context): Record<string, string | readonly string[]> {
  const given = Object.entries(c.req.queries())
  return Object.fromEntries(given.map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]))
}

function headersOf(c: Context, properties: Properties): Record<string, string> {
  const given = Object.keys(properties).map((name) => [name, c.req.header(name)] as const)
  return Object.fromEntries(given.filter((pair): pair is [string, string] => pair[1] !== undefined))
}

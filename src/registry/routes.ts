import type { Logger } from '../shared/log.ts'
import type { Admission, Authorize } from './access/access.ts'
import { originOf } from './access/challenge.ts'
import type { TellChange } from './audit.ts'
import { auditChange } from './audit.ts'
import type { Access, Call, Handler } from './call.ts'
import { OciError, ociErrorResponse } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { RegistryMetrics } from './metrics.ts'
import { parseRepository } from './reference.ts'
import type { UploadEndpoints } from './uploads.ts'

export interface RegistryHandlers {
  readonly base: Handler
  /** What Prometheus reads; for those who may see the catalog. */
  readonly metrics: Handler
  /** The token endpoint. */
  readonly token: Handler
  readonly blobs: { readonly get: Handler; readonly delete: Handler }
  readonly uploads: UploadEndpoints
  readonly manifests: { readonly get: Handler; readonly put: Handler; readonly delete: Handler }
  readonly discovery: { readonly tags: Handler; readonly referrers: Handler; readonly catalog: Handler }
}

/** Answers one request; never rejects. */
export type Answer = (c: Exchange) => Promise<Response>

/** The repository a request means, which a mirror may put below its own prefix; checked against the grammar afterwards. */
export type NameOf = (repository: string, query: URLSearchParams) => string

export interface RouteOptions {
  readonly log: Logger
  readonly onChange?: TellChange | undefined
  readonly metrics: Pick<RegistryMetrics, 'begin'>
  readonly nameOf?: NameOf
}

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
/** `none`: the handler itself finds out who is asking. */
type Operation = readonly [access: Access | 'none', handler: Handler]

interface Endpoint {
  /** As metrics call it. */
  readonly name: string
  /** What follows `/v2/`: the repository, which may hold slashes, is whatever is left of the known end. */
  readonly path: RegExp
  readonly methods: Partial<Record<Method, Operation>>
}

/** The endpoint table of the distribution-spec. HEAD is GET's row: handlers look at the method and open nothing. */
function endpoints(h: RegistryHandlers): readonly Endpoint[] {
  const { blobs, uploads, manifests, discovery } = h
  return [
    { name: 'base', path: /^$/, methods: { GET: ['pull', h.base] } }, //                                  end-1
    { name: 'token', path: /^token$/, methods: { GET: ['none', h.token], POST: ['none', h.token] } }, //    "Token Authentication"
    { name: 'catalog', path: /^_catalog$/, methods: { GET: ['catalog', discovery.catalog] } }, //            reserved
    { name: 'metrics', path: /^_metrics$/, methods: { GET: ['catalog', h.metrics] } }, // an extension of ours
    { name: 'uploads', path: /^(.+)\/blobs\/uploads\/?$/, methods: { POST: ['push', uploads.start] } }, //   end-4a-c, end-11
    {
      name: 'upload',
      path: /^(.+)\/blobs\/uploads\/([^/]+)$/,
      methods: {
        PATCH: ['push', uploads.append], //    end-5
        PUT: ['push', uploads.finish], //      end-6
        GET: ['push', uploads.status], //      end-13
        DELETE: ['push', uploads.cancel], //   end-14
      },
    },
    {
      name: 'blob',
      path: /^(.+)\/blobs\/([^/]+)$/,
      methods: {
        GET: ['pull', blobs.get], //           end-2
        DELETE: ['delete', blobs.delete], //   end-10
      },
    },
    {
      name: 'manifest',
      path: /^(.+)\/manifests\/([^/]+)$/,
      methods: {
        GET: ['pull', manifests.get], //       end-3
        PUT: ['push', manifests.put], //       end-7a, end-7b
        DELETE: ['delete', manifests.delete], // end-9
      },
    },
    { name: 'tags', path: /^(.+)\/tags\/list$/, methods: { GET: ['pull', discovery.tags] } }, //          end-8a, end-8b
    { name: 'referrers', path: /^(.+)\/referrers\/([^/]+)$/, methods: { GET: ['pull', discovery.referrers] } }, // end-12a, end-12b
  ]
}

/** The endpoints under /v2/; every failure, an unknown path too, is answered as the specification's JSON. */
export function registryRoutes(
  handlers: RegistryHandlers,
  authorize: Authorize,
  { log, onChange, metrics, nameOf = (repository) => repository }: RouteOptions,
): Answer {
  const table = endpoints(handlers)
  return async (c) => {
    const started = performance.now()
    const ended = metrics.begin(c)
    const response = await dispatch(c, table, authorize, nameOf).catch((error) => ociErrorResponse(error, c, log))
    const ms = performance.now() - started
    // Node's response has been sent already; what was returned for it is a token without a status.
    const status = c.env.outgoing?.statusCode ?? response.status
    ended(status, ms)
    auditChange(log, onChange, c, status, ms)
    return response
  }
}

async function dispatch(
  c: Exchange,
  table: readonly Endpoint[],
  authorize: Authorize,
  nameOf: NameOf,
): Promise<Response> {
  const { path, query } = target(c)
  for (const { name: route, path: pattern, methods } of table) {
    const match = pattern.exec(path)
    if (match === null) continue
    c.facts.route = route
    const [, name, segment = ''] = match
    const repository = name === undefined ? undefined : parseRepository(nameOf(name, query))
    const operation = operationOf(methods, c.req.method)
    const authorization = credentials(c)
    // Some clients escape the colon of a digest; nothing else of a path is ever decoded.
    const reference = segment.replace(/%3a/i, ':')
    const [access, handler] = operation
    const origin = originOf(isEncrypted(c), c.req.header('host'))
    const address = c.env.incoming?.socket.remoteAddress
    const ask = (other: string | undefined, what: Access) =>
      authorize({ authorization, repository: other, access: what, origin, address })
    const admission = access === 'none' ? undefined : await ask(repository, access)
    c.facts.caller = admission?.caller
    const call: Call = { c, repository: repository ?? '', reference, query, authorization, ...rightsOf(admission, ask) }
    return handler(call)
  }
  throw new OciError('NAME_UNKNOWN', { path: path.slice(0, 300) })
}

/** What else the caller may; an `authorize` that tells nothing about the caller is asked again. */
function rightsOf(
  admission: Admission | undefined,
  ask: (repository: string, access: Access) => Promise<unknown>,
): Pick<Call, 'caller' | 'may' | 'maySee'> {
  if (admission !== undefined) {
    const { caller, may, maySee } = admission
    return { caller, may: async (other, action) => may(other, action), maySee: async (other) => maySee(other) }
  }
  async function may(repository: string, access: Access): Promise<boolean> {
    try {
      await ask(repository, access)
      return true
    } catch (error) {
      if (error instanceof OciError && (error.code === 'DENIED' || error.code === 'UNAUTHORIZED')) return false
      throw error
    }
  }
  return { caller: undefined, may, maySee: (repository) => may(repository, 'pull') }
}

function isEncrypted({ env }: Exchange): boolean {
  return env.incoming !== undefined && 'encrypted' in env.incoming.socket
}

/** What follows `/v2/`, as sent: nothing is decoded, so `%2f` and dots cannot pose as a path. */
function target({ req: { path, search } }: Exchange): { path: string; query: URLSearchParams } {
  if (path !== '/v2' && !path.startsWith('/v2/')) throw new OciError('NAME_UNKNOWN', { path: path.slice(0, 300) })
  return { path: path.slice('/v2/'.length), query: new URLSearchParams(search) }
}

function operationOf(methods: Endpoint['methods'], method: string): Operation {
  const key = method === 'HEAD' ? 'GET' : method
  const found = Object.entries(methods).find(([name]) => name === key)?.[1]
  if (found !== undefined) return found
  const allowed = Object.keys(methods).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]))
  throw new OciError('UNSUPPORTED', { method, allowed }, { headers: { allow: allowed.join(', ') } })
}

/** podman without a login answers a Basic challenge with an empty user and password: that is nobody. */
function credentials(c: Exchange): string | undefined {
  const header = c.req.header('authorization')
  return header === 'Basic Og==' ? undefined : header
}

import { AppError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/time.ts'
import { keyOf, pageOf } from '../http/cursor.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { EMPTY, json, jsonBody } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import type { FromSchema } from '../http/schema.ts'
import { listOf, record } from '../http/schema.ts'
import type { ListedServer, Server, ServerChange, ServerStore } from '../jobs/ports.ts'
import { PAGE_QUERY, PAGE_SIZE, SERVER, SERVER_DETAIL } from './schemas.ts'
import { NEW_SERVER, SERVER_CHANGE } from './server-schemas.ts'
import type { KnownBmc } from './views.ts'
import { serverDetailView, serverView } from './views.ts'

export interface ServerRouteDeps {
  readonly servers: Omit<ServerStore, 'find'>
  readonly clock: Clock
  /** @throws `request-invalid` when there is no such simulated BMC */
  checkBmc(url: string): void
  forgetBmc(serial: string): Promise<void>
  knownBmc(serial: string): Promise<KnownBmc | undefined>
}

const MAX_BODY = 64 * 1024

const IF_MATCH = { type: 'string', maxLength: 100, description: 'the ETag of the server as it was read' } as const

export const SERVER_ENDPOINTS = {
  createServer: {
    method: 'POST',
    path: '/api/v1/servers',
    may: 'operator',
    summary: 'Register a server and how to log in to its BMC',
    description: 'The password is stored encrypted and never read back.',
    body: jsonBody(NEW_SERVER, MAX_BODY),
    answers: { 201: json('The server', SERVER) },
    errors: ['server-exists'],
  },
  listServers: {
    method: 'GET',
    path: '/api/v1/servers',
    may: 'reader',
    summary: 'List servers by serial number',
    query: {
      vendor: { type: 'string' },
      search: { type: 'string', minLength: 1, description: 'part of a serial number or of the address of a BMC' },
      ...PAGE_QUERY,
    },
    answers: {
      200: json('A page', record('ServerPage', { servers: listOf(SERVER), next: { type: ['string', 'null'] } })),
    },
  },
  getServer: {
    method: 'GET',
    path: '/api/v1/servers/{serial}',
    may: 'reader',
    summary: 'Show one server, and what is known of its BMC',
    answers: { 200: json('The server', SERVER_DETAIL) },
    errors: ['server-not-found'],
  },
  changeServer: {
    method: 'PATCH',
    path: '/api/v1/servers/{serial}',
    may: 'operator',
    summary: 'Change a server that has no active job',
    description:
      'What is left out stays; null clears. With If-Match the change is made only if nobody else was faster. A new bmc_url needs bmc_password too: the stored password is for the BMC it was given for.',
    headers: { 'if-match': IF_MATCH },
    body: jsonBody(SERVER_CHANGE, MAX_BODY),
    answers: { 200: json('The server as it is now', SERVER) },
    errors: ['server-not-found', 'job-active', 'server-changed'],
  },
  deleteServer: {
    method: 'DELETE',
    path: '/api/v1/servers/{serial}',
    may: 'operator',
    summary: 'Forget a server that has no active job',
    answers: { 204: EMPTY },
    errors: ['server-not-found', 'job-active'],
  },
} as const satisfies Endpoints

/** A BMC's password is written here and never read back. */
export function serverHandlers(deps: ServerRouteDeps): Handlers<typeof SERVER_ENDPOINTS> {
  const { servers, clock, checkBmc, knownBmc } = deps

  return {
    async createServer({ c, body, reply }) {
      const server: Server = {
        serial: body.serial,
        uuid: body.uuid ?? null,
        bmc: {
          url: trimmed(body.bmc_url),
          username: body.bmc_username,
          password: body.bmc_password,
          verifyTls: body.verify_tls === true,
        },
        vendor: body.vendor ?? null,
        network: body.network ?? null,
        createdAt: clock.now(),
      }
      checkBmc(server.bmc.url)
      await servers.add(server)
      c.header('location', `/api/v1/servers/${server.serial}`)
      return reply(201, serverView(server))
    },

    async listServers({ query: { cursor, limit = PAGE_SIZE, ...filter }, reply }) {
      const after = keyOf(cursor)
      const found = await servers.page({ ...filter, limit: limit + 1, ...(after !== undefined && { after }) })
      const { items, next } = pageOf(found, limit, (server) => server.serial)
      return reply(200, { servers: items.map(serverView), next })
    },

    async getServer({ c, params, reply }) {
      const { server, etag } = found(params.serial, await servers.current(params.serial))
      c.header('etag', etag)
      return reply(200, serverDetailView(server, await knownBmc(server.serial)))
    },

    async changeServer({ c, params: { serial }, headers, body, reply }) {
      const change = changeOf(body)
      if (change.url !== undefined) checkBmc(change.url)
      const expected = headers['if-match'] === '*' ? undefined : headers['if-match']
      const changed = await servers.change(serial, expected, change, (current) => assertOwnSecret(current, change))
      const { server, etag } = found(serial, changed)
      c.header('etag', etag)
      return reply(200, serverView(server))
    },

    async deleteServer({ params: { serial }, reply }) {
      if (!(await servers.remove(serial))) throw notFound(serial)
      await deps.forgetBmc(serial)
      return reply(204, null)
    },
  }
}

function found<T>(serial: string, server: T | undefined): T {
  if (server === undefined) throw notFound(serial)
  return server
}

function notFound(serial: string): AppError {
  return new AppError('server-not-found', `Cannot find server "${serial}"`)
}

function changeOf(body: FromSchema<typeof SERVER_CHANGE>): ServerChange {
  return {
    url: body.bmc_url === undefined ? undefined : trimmed(body.bmc_url),
    username: body.bmc_username,
    password: body.bmc_password,
    verifyTls: body.verify_tls === null ? false : body.verify_tls,
    uuid: body.uuid,
    vendor: body.vendor,
    network: body.network,
  }
}

/** Else whoever may change an address could have the stored password sent to a machine of theirs. @throws `request-invalid` */
function assertOwnSecret(current: ListedServer, change: ServerChange): void {
  if (change.url === undefined || change.url === current.bmc.url || change.password !== undefined) return
  const message = 'is required with a new bmc_url: the stored password is for the BMC it was given for'
  const problems = [{ path: '/bmc_password', code: 'required', message }]
  throw new AppError('request-invalid', 'Cannot change the server: its body is not valid', { problems })
}

function trimmed(url: string): string {
  return url.replace(/\/$/, '')
}

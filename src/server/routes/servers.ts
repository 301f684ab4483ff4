import { AppError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/time.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { EMPTY, json, jsonBody } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { input, listOf, record } from '../http/schema.ts'
import { isActive } from '../jobs/machine.ts'
import type { JobStore, Server, ServerStore } from '../jobs/ports.ts'
import { NETWORK, SERIAL, SERVER } from './schemas.ts'
import { serverView } from './views.ts'

export interface ServerRouteDeps {
  readonly servers: ServerStore
  readonly jobs: Pick<JobStore, 'ofServer'>
  readonly clock: Clock
  /** @throws `request-invalid` when there is no such simulated BMC */
  checkBmc(url: string): void
}

const JOBS_BACK = 20
const MAX_BODY = 64 * 1024

const TEXT = { type: 'string', pattern: '^[^\\0]+$', maxLength: 4096, description: 'a text' } as const

const NEW_SERVER = input(
  'NewServer',
  {
    serial: SERIAL,
    bmc_url: {
      type: 'string',
      format: 'bmc-url',
      description: 'an address such as "https://192.0.2.7", without a path',
    },
    bmc_username: TEXT,
    bmc_password: TEXT,
  },
  {
    verify_tls: { type: ['boolean', 'null'], description: 'true or false' },
    uuid: { type: ['string', 'null'], pattern: '^[0-9A-Fa-f-]{36}$', description: 'a UUID' },
    vendor: { ...TEXT, type: ['string', 'null'] },
    network: NETWORK,
  },
)

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
    answers: { 200: json('The servers', record('ServerList', { servers: listOf(SERVER) })) },
  },
  getServer: {
    method: 'GET',
    path: '/api/v1/servers/{serial}',
    may: 'reader',
    summary: 'Show one server',
    answers: { 200: json('The server', SERVER) },
    errors: ['server-not-found'],
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
export function serverHandlers({ servers, jobs, clock, checkBmc }: ServerRouteDeps): Handlers<typeof SERVER_ENDPOINTS> {
  async function find(serial: string): Promise<Server> {
    const server = await servers.find(serial)
    if (server === undefined) throw new AppError('server-not-found', `Cannot find server "${serial}"`)
    return server
  }

  return {
    async createServer({ c, body, reply }) {
      const server: Server = {
        serial: body.serial,
        uuid: body.uuid ?? null,
        bmc: {
          url: body.bmc_url.replace(/\/$/, ''),
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

    listServers: async ({ reply }) => reply(200, { servers: (await servers.list()).map(serverView) }),

    getServer: async ({ params, reply }) => reply(200, serverView(await find(params.serial))),

    async deleteServer({ params, reply }) {
      const server = await find(params.serial)
      // Not the newest one alone: ids follow the clock, which may have been set back.
      const active = (await jobs.ofServer(server.serial, JOBS_BACK)).find(isActive)
      if (active !== undefined) {
        throw new AppError('job-active', `Cannot remove server "${server.serial}": job ${active.id} is still active`)
      }
      await servers.remove(server.serial)
      return reply(204, null)
    },
  }
}

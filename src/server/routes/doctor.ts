import { AppError } from '../../shared/errors.ts'
import type { Finding } from '../doctor/finding.ts'
import { isFit } from '../doctor/finding.ts'
import type { TestMedia } from '../doctor/test-media.ts'
import { TEST_MEDIUM_NAME } from '../doctor/test-media.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { byteRanges, bytes, json, jsonBody } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { input } from '../http/schema.ts'
import type { PowerState } from '../jobs/bmc-ports.ts'
import { isActive } from '../jobs/machine.ts'
import type { JobStore, Server, ServerStore } from '../jobs/ports.ts'
import { answer } from './media.ts'
import { DIAGNOSIS, POWER } from './schemas.ts'

export interface DoctorRouteDeps {
  readonly servers: Pick<ServerStore, 'find'>
  readonly jobs: Pick<JobStore, 'ofServer'>
  readonly testMedia: TestMedia
  /** Serial numbers of servers that are examined or switched just now. */
  readonly reserved: Set<string>
  diagnose(server: Server, signal: AbortSignal): Promise<readonly Finding[]>
  /** As it is now or was some seconds ago. */
  power(server: Server): Promise<PowerState>
  bring(server: Server, to: PowerState, signal: AbortSignal): Promise<void>
}

const JOBS_BACK = 20
const BMC_ERRORS = ['redfish-unreachable', 'redfish-answer', 'redfish-unsupported'] as const

export const DOCTOR_ENDPOINTS = {
  diagnoseServer: {
    method: 'POST',
    path: '/api/v1/servers/{serial}/doctor',
    may: 'operator',
    summary: 'Examine a server and its BMC without a reboot',
    description: 'Takes up to two minutes.',
    answers: { 200: json('What was found', DIAGNOSIS) },
    errors: ['server-not-found', 'job-active'],
  },
  getPower: {
    method: 'GET',
    path: '/api/v1/servers/{serial}/power',
    may: 'reader',
    summary: 'Ask the BMC for the power state',
    description: 'An answer is good for five seconds, for everybody who asks.',
    answers: { 200: json('The power state', POWER) },
    errors: ['server-not-found', ...BMC_ERRORS],
  },
  setPower: {
    method: 'POST',
    path: '/api/v1/servers/{serial}/power',
    may: 'operator',
    summary: 'Switch a server that no job owns',
    body: jsonBody(input('PowerOrder', { power: { enum: ['on', 'off'] } }), 4096),
    answers: { 200: json('The power state', POWER) },
    errors: ['server-not-found', 'job-active', ...BMC_ERRORS],
  },
} as const satisfies Endpoints

export const TEST_MEDIUM_ENDPOINTS = {
  getTestMedium: {
    method: 'GET',
    path: `/media/{token}/${TEST_MEDIUM_NAME}`,
    may: 'anyone',
    summary: 'Read the medium of an examination',
    head: true,
    answers: { 200: bytes('The medium'), 206: byteRanges('Parts of it'), 416: bytes('No such range') },
    errors: ['not-found'],
  },
} as const satisfies Endpoints

/** What is done to a server by hand. */
export function doctorHandlers(deps: DoctorRouteDeps): Handlers<typeof DOCTOR_ENDPOINTS> {
  async function find(serial: string): Promise<Server> {
    const server = await deps.servers.find(serial)
    if (server === undefined) throw new AppError('server-not-found', `Cannot find server "${serial}"`)
    return server
  }

  /** A job owns its server: its media and its power are not touched from the side, and no job begins meanwhile. */
  async function withIdle<T>(serial: string, what: string, action: (server: Server) => Promise<T>): Promise<T> {
    const server = await find(serial)
    if (deps.reserved.has(serial))
      throw new AppError('job-active', `Cannot ${what} server "${serial}": it is being examined or switched just now`)
    // First reserved, then looked: a job is created after the one or found by the other.
    deps.reserved.add(serial)
    try {
      const active = (await deps.jobs.ofServer(serial, JOBS_BACK)).find(isActive)
      if (active !== undefined)
        throw new AppError('job-active', `Cannot ${what} server "${serial}": job ${active.id} is still active`)
      return await action(server)
    } finally {
      deps.reserved.delete(serial)
    }
  }

  return {
    async diagnoseServer({ params: { serial }, signal, reply }) {
      const findings = await withIdle(serial, 'examine', (server) => deps.diagnose(server, signal))
      return reply(200, { serial, healthy: isFit(findings), findings })
    },

    async getPower({ params, reply }) {
      const server = await find(params.serial)
      return reply(200, { serial: server.serial, power: await deps.power(server) })
    },

    async setPower({ params: { serial }, body: { power }, signal, reply }) {
      await withIdle(serial, 'switch', (server) => deps.bring(server, power, signal))
      return reply(200, { serial, power })
    },
  }
}

/** Every request is counted, HEAD too, because that is what the doctor wants to see. */
export function testMediumHandlers({
  testMedia,
}: Pick<DoctorRouteDeps, 'testMedia'>): Handlers<typeof TEST_MEDIUM_ENDPOINTS> {
  return {
    getTestMedium({ c, params }) {
      const test = testMedia.find(params.token)
      if (test === undefined) throw new AppError('not-found', 'Cannot find this medium: its examination has ended')
      test.seen(c.req.method)
      return answer(c, test.medium)
    },
  }
}

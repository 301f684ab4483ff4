import { Hono } from 'hono'
import { AppError } from '../../shared/errors.ts'
import type { Finding } from '../doctor/finding.ts'
import type { TestMedia } from '../doctor/test-media.ts'
import { TEST_MEDIUM_NAME } from '../doctor/test-media.ts'
import { readFields, readJson, textField } from '../http/request.ts'
import { isActive } from '../jobs/machine.ts'
import type { JobStore, PowerState, Server, ServerStore } from '../jobs/ports.ts'
import { answer } from './media.ts'

export interface DoctorRouteDeps {
  readonly servers: Pick<ServerStore, 'find'>
  readonly jobs: Pick<JobStore, 'ofServer'>
  readonly testMedia: TestMedia
  /** Serial numbers of servers that are examined or switched just now. */
  readonly reserved: Set<string>
  diagnose(server: Server, signal: AbortSignal): Promise<readonly Finding[]>
  power(server: Server, signal: AbortSignal): Promise<PowerState>
  bring(server: Server, to: PowerState, signal: AbortSignal): Promise<void>
}

export interface DoctorView {
  readonly serial: string
  readonly healthy: boolean
  readonly findings: readonly Finding[]
}

const JOBS_BACK = 20
const MAX_BODY = 4096

/** Below `/api/v1/servers`: `POST {serial}/doctor`, `GET` and `POST {serial}/power`. */
export function doctorRoutes(deps: DoctorRouteDeps): Hono {
  const app = new Hono()

  async function find(serial: string): Promise<Server> {
    const server = await deps.servers.find(serial)
    if (server === undefined) throw new AppError('server-not-found', `Cannot find server "${serial}"`)
    return server
  }

  /** A job owns its server: its media and its power are not touched from the side, and no job begins meanwhile. */
  async function withIdle<T>(serial: string, what: string, action: (server: Server) => Promise<T>): Promise<T> {
    const server = await find(serial)
    const active = (await deps.jobs.ofServer(serial, JOBS_BACK)).find(isActive)
    if (active !== undefined)
      throw new AppError('job-active', `Cannot ${what} server "${serial}": job ${active.id} is still active`)
    if (deps.reserved.has(serial))
      throw new AppError('job-active', `Cannot ${what} server "${serial}": it is being examined or switched just now`)
    deps.reserved.add(serial)
    try {
      return await action(server)
    } finally {
      deps.reserved.delete(serial)
    }
  }

  app.post('/:serial/doctor', async (c) => {
    const signal = c.req.raw.signal
    const serial = c.req.param('serial')
    const findings = await withIdle(serial, 'examine', (server) => deps.diagnose(server, signal))
    const healthy = findings.every(({ state }) => state !== 'failed')
    return c.json({ serial, healthy, findings } satisfies DoctorView)
  })

  app.get('/:serial/power', async (c) => {
    const server = await find(c.req.param('serial'))
    return c.json({ serial: server.serial, power: await deps.power(server, c.req.raw.signal) })
  })

  app.post('/:serial/power', async (c) => {
    const { power } = readFields(await readJson(c, MAX_BODY), { power: textField(true, /^(on|off)$/, '"on" or "off"') })
    const to: PowerState = power === 'on' ? 'on' : 'off'
    const serial = c.req.param('serial')
    await withIdle(serial, 'switch', (server) => deps.bring(server, to, c.req.raw.signal))
    return c.json({ serial, power: to })
  })

  return app
}

/** `/media/{token}/doctor.iso`: every request is counted, HEAD too, because that is what the doctor wants to see. */
export function testMediaRoutes({ testMedia }: Pick<DoctorRouteDeps, 'testMedia'>): Hono {
  const app = new Hono()
  app.get(`/:token/${TEST_MEDIUM_NAME}`, (c) => {
    const test = testMedia.find(c.req.param('token'))
    if (test === undefined) throw new AppError('not-found', 'Cannot find this medium: its examination has ended')
    test.seen(c.req.method)
    return answer(c, test.medium, () => undefined)
  })
  return app
}

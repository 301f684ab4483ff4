import { isIP } from 'node:net'
import { Hono } from 'hono'
import { AppError } from '../../shared/errors.ts'
import type { NetworkPlan } from '../../shared/task/job-file.ts'
import type { Clock } from '../../shared/time.ts'
import type { FieldRule } from '../http/request.ts'
import { readFields, readJson, textField } from '../http/request.ts'
import { isActive } from '../jobs/machine.ts'
import type { JobStore, Server, ServerStore } from '../jobs/ports.ts'
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
const SERIAL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const FIELDS = {
  serial: textField(true, SERIAL, 'up to 64 letters, digits, ".", "_" and "-"'),
  bmc_url: { required: true, expected: 'an address such as "https://192.0.2.7", without a path', check: isBmcUrl },
  bmc_username: textField(true),
  bmc_password: textField(true),
  verify_tls: { required: false, expected: 'true or false', check: (value) => typeof value === 'boolean' },
  uuid: textField(false, /^[0-9A-Fa-f-]{36}$/, 'a UUID'),
  vendor: textField(false),
  network: {
    required: false,
    expected: 'an object with "mac", "addresses", "gateway" and "dns"',
    check: isNetworkPlan,
  },
} as const satisfies Record<string, FieldRule>

/** `/api/v1/servers`: a BMC's password is written here and never read back. */
export function serverRoutes({ servers, jobs, clock, checkBmc }: ServerRouteDeps): Hono {
  const app = new Hono()

  app.post('/', async (c) => {
    const body = readFields(await readJson(c, MAX_BODY), FIELDS)
    const server: Server = {
      serial: String(body.serial),
      uuid: optional(body.uuid),
      bmc: {
        url: String(body.bmc_url).replace(/\/$/, ''),
        username: String(body.bmc_username),
        password: String(body.bmc_password),
        verifyTls: body.verify_tls === true,
      },
      vendor: optional(body.vendor),
      network: (body.network ?? null) as NetworkPlan | null,
      createdAt: clock.now(),
    }
    checkBmc(server.bmc.url)
    await servers.add(server)
    c.header('location', `/api/v1/servers/${server.serial}`)
    return c.json(serverView(server), 201)
  })

  app.get('/', async (c) => c.json({ servers: (await servers.list()).map(serverView) }))

  app.get('/:serial', async (c) => c.json(serverView(await find(c.req.param('serial')))))

  app.delete('/:serial', async (c) => {
    const server = await find(c.req.param('serial'))
    // Not the newest one alone: ids follow the clock, which may have been set back.
    const active = (await jobs.ofServer(server.serial, JOBS_BACK)).find(isActive)
    if (active !== undefined) {
      throw new AppError('job-active', `Cannot remove server "${server.serial}": job ${active.id} is still active`)
    }
    await servers.remove(server.serial)
    return c.body(null, 204)
  })

  async function find(serial: string): Promise<Server> {
    const server = await servers.find(serial)
    if (server === undefined) throw new AppError('server-not-found', `Cannot find server "${serial}"`)
    return server
  }

  return app
}

function optional(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function isBmcUrl(value: unknown): boolean {
  if (typeof value === 'string' && /^simulate:[a-z0-9+-]{1,100}$/.test(value)) return true
  return typeof value === 'string' && /^https?:\/\/[^/?#\s@]+\/?$/.test(value) && URL.canParse(value)
}

/** As strict as the dispatcher, which would find a mistake only after the server was booted. */
function isNetworkPlan(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { mac, addresses, gateway, dns } = value as Record<string, unknown>
  const all = (list: unknown, check: (item: unknown) => boolean) => Array.isArray(list) && list.every(check)
  return (
    typeof mac === 'string' &&
    /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac) &&
    all(addresses, isInterfaceAddress) &&
    all(dns, isAddress) &&
    (gateway === null || isAddress(gateway))
  )
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && isIP(value) !== 0
}

/** `192.0.2.17/24` */
function isInterfaceAddress(value: unknown): boolean {
  const [, ip, prefix] = typeof value === 'string' ? (/^(.+)\/([0-9]{1,3})$/.exec(value) ?? []) : []
  return ip !== undefined && isIP(ip) !== 0 && Number(prefix) <= (isIP(ip) === 4 ? 32 : 128)
}

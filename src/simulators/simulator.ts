import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sha256 } from '../shared/digest.ts'
import type { Clock } from '../shared/time.ts'
import type { Fault } from './faults.ts'
import type { Machine } from './machine.ts'
import type { Profile } from './profile.ts'
import type { Reply } from './reply.ts'
import { answer, type SimulatedRequest } from './requests.ts'
import type { BmcState, SlotState } from './state.ts'

export interface SimulatorOptions {
  readonly profile: Profile
  readonly faults?: ReadonlySet<Fault>
  readonly serial: string
  readonly username: string
  readonly password: string
  readonly machine: Machine
  readonly clock: Clock
}

/** A request with what it was answered, and without its credentials. */
export interface LoggedRequest extends SimulatedRequest {
  readonly status: number
}

export interface Simulator {
  readonly url: string
  /** The newest `MAX_LOG` requests, oldest first. */
  readonly requests: readonly LoggedRequest[]
  /** URL in each slot, by slot id. */
  images(): Readonly<Record<string, string | undefined>>
  sessions(): number
  /** Certificates in the store of each slot, and whether it verifies with them, by slot id. */
  trust(): Readonly<Record<string, Pick<SlotState, 'certificates' | 'verifies'>>>
  /** The next start would be from the virtual CD. */
  armed(): boolean
  /** The server stands in a menu and waits for a person (Lenovo). */
  stuck(): boolean
  close(): Promise<void>
}

const MAX_BODY = 1024 * 1024
const MAX_LOG = 1_000
/** Requests answered 503 by the fault `busy`. */
const BUSY = 3
/** Looks at the systems that find none, and at the system that find no serial number, by the fault `restarting`. */
const STARTING = 2
/** Changes refused by the fault `occupied`. */
const OCCUPIED = 2

/** Inserts refused by the fault `hiccup`: one for each payload of the ladder. */
const HICCUPS = 3

/** A BMC of the given kind on a port of this machine: Redfish over HTTP, on the loopback only. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const state = initialState(options)
  const requests: LoggedRequest[] = []
  const server = createServer((incoming, outgoing) => {
    serve(incoming, state, requests).then(
      (reply) => write(outgoing, reply),
      (error: unknown) => write(outgoing, { status: 500, body: { error: { message: String(error) } } }),
    )
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', resolve)
  await promise
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    images: () => Object.fromEntries(state.slots.map(({ rules, image }) => [rules.id, image])),
    sessions: () => state.sessions.size,
    trust: () =>
      Object.fromEntries(
        state.slots.map(({ rules, certificates, verifies }) => [rules.id, { certificates, verifies }]),
      ),
    armed: () => isArmed(state),
    stuck: () => state.stuck,
    async close() {
      options.machine.stop()
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

function isArmed({ boot, slots, serverBoot }: BmcState): boolean {
  if (slots.some(({ bootNext }) => bootNext) || serverBoot.first !== 'Normal') return true
  return boot.enabled !== 'Disabled' && /cd/i.test(boot.target)
}

function initialState({ profile, faults = new Set(), serial, machine, clock, ...account }: SimulatorOptions): BmcState {
  const { media, manager, power } = profile
  const hash = sha256(serial).slice('sha256:'.length)
  return {
    profile,
    faults,
    serial,
    machine,
    username: account.username,
    password: account.password,
    now: () => clock.now(),
    uuid: `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`,
    slots: media.slots.map((rules) => ({
      rules,
      path: `${media.path}/${rules.id}`,
      image: undefined,
      leftover: undefined,
      stale: { image: undefined, looks: 0 },
      attachLooks: 0,
      ejectPolicy: faults.has('session-media') ? 'Session' : undefined,
      haunted: faults.has('haunted'),
      bootNext: false,
      leaves: false,
      certificates: [],
      verifies: false,
    })),
    boot: { target: 'None', enabled: 'Disabled', device: 'None', mode: faults.has('legacy') ? 'Legacy' : 'UEFI' },
    serverBoot: { once: 'Enabled', first: 'Normal' },
    sessions: new Map(),
    tasks: new Map(),
    left: new Map([
      ['busy', faults.has('busy') ? BUSY : 0],
      ['occupied', faults.has('occupied') ? OCCUPIED : 0],
      ['systems', faults.has('restarting') ? STARTING : 0],
      ['serial', faults.has('restarting') ? STARTING : 0],
      ['hiccup', faults.has('hiccup') ? HICCUPS : 0],
      ['flip', faults.has('flips') ? 1 : 0],
      ['rmedia', manager.enableMedia ? 1 : 0],
      ['slots', manager.enableMedia ? 2 : 0],
      ['post', power.postLooks ?? 0],
    ]),
    attached: !faults.has('detached'),
    wedged: faults.has('wedged'),
    mediaOn: manager.enableMedia !== true,
    cds: manager.cds ?? media.slots.length,
    stuck: false,
    requests: 0,
  }
}

async function serve(incoming: IncomingMessage, state: BmcState, log: LoggedRequest[]): Promise<Reply> {
  const { pathname } = new URL(incoming.url ?? '/', 'http://bmc')
  const request: SimulatedRequest = {
    method: incoming.method ?? 'GET',
    path: pathname.replace(/(?<=.)\/$/, ''),
    headers: incoming.headers,
    body: await readJson(incoming),
  }
  const reply = await answer(request, state)
  log.push(withoutSecrets(request, reply.status))
  if (log.length > MAX_LOG) log.shift()
  return reply
}

function withoutSecrets(request: SimulatedRequest, status: number): LoggedRequest {
  const { authorization: _, 'x-auth-token': __, ...headers } = request.headers
  const body = request.path.endsWith('/Sessions') ? undefined : request.body
  return { ...request, headers, body, status }
}

async function readJson(incoming: IncomingMessage): Promise<SimulatedRequest['body']> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) throw new RangeError('the body is too large')
    chunks.push(chunk)
  }
  return size === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>)
}

function write(outgoing: ServerResponse, { status, body, headers }: Reply): void {
  const content = body === undefined ? undefined : JSON.stringify(body)
  const type = content === undefined ? {} : { 'Content-Type': 'application/json; charset=utf-8' }
  outgoing.writeHead(status, { 'OData-Version': '4.0', ...type, ...headers }).end(content)
}

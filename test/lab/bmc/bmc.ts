import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { asTask, change } from './actions.ts'
import type { Machine } from './machine.ts'
import { ROOT, resourceAt, SESSIONS } from './resources.ts'
import { type BmcState, type Reply, refusal } from './state.ts'

export interface BmcOptions {
  readonly machine: Machine
  readonly serial: string
  readonly username: string
  readonly password: string
  readonly uuid?: string
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Default: two CD drives, Cd1 and Cd2. */
  readonly slots?: readonly { readonly id: string; readonly mediaTypes: readonly string[] }[]
  /** Actions answer 202 and a task. */
  readonly tasks?: boolean
  /** Answers in place of the BMC, for one request; what a bad BMC would say. */
  readonly intercept?: (request: BmcRequest) => Reply | undefined
}

/** One request as it came, without its credentials. */
export interface BmcRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Readonly<Record<string, unknown>>
  status: number
}

export interface BmcLog {
  readonly requests: readonly BmcRequest[]
  /** Reset types that were carried out, in order. */
  readonly resets: readonly string[]
}

export interface RunningBmc {
  readonly url: string
  readonly log: BmcLog
  /** Ends all sessions, as a restart of the BMC does. */
  forgetSessions(): void
  sessions(): number
  /** URL in each slot, by slot id. */
  images(): Readonly<Record<string, string | undefined>>
  close(): Promise<void>
}

const MAX_BODY_BYTES = 1024 * 1024

/** A BMC on a port of this machine: Redfish over HTTP, or HTTPS with `tls`, driving the machine given. */
export async function startBmc(options: BmcOptions): Promise<RunningBmc> {
  const state = initialState(options)
  const requests: BmcRequest[] = []
  const listener: RequestListener = (incoming, outgoing) => {
    serve(options, state, requests, incoming).then(
      (reply) => write(outgoing, reply),
      (error: unknown) => write(outgoing, refusal(500, 'InternalError', String(error))),
    )
  }
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    log: { requests, resets: state.resets },
    forgetSessions: () => state.sessions.clear(),
    sessions: () => state.sessions.size,
    images: () => Object.fromEntries(state.slots.map(({ id, image }) => [id, image])),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function initialState(options: BmcOptions): BmcState {
  const slots = options.slots ?? ['Cd1', 'Cd2'].map((id) => ({ id, mediaTypes: ['CD', 'DVD'] }))
  return {
    machine: options.machine,
    serial: options.serial,
    uuid: options.uuid ?? '00000000-0000-4000-8000-000000000001',
    slots: slots.map(({ id, mediaTypes }, drive) => ({ id, mediaTypes, drive, image: undefined })),
    boot: { target: 'None', enabled: 'Disabled', mode: 'UEFI' },
    sessions: new Map(),
    tasks: new Map(),
    resets: [],
    generation: 1,
  }
}

async function serve(
  options: BmcOptions,
  state: BmcState,
  requests: BmcRequest[],
  incoming: IncomingMessage,
): Promise<Reply> {
  const { pathname } = new URL(incoming.url ?? '/', 'http://bmc')
  const path = pathname.replace(/(?<=.)\/$/, '')
  const { authorization, 'x-auth-token': token, ...headers } = incoming.headers
  const parsed = await readJson(incoming)
  const { Password: _, ...body } = parsed
  const request: BmcRequest = { method: incoming.method ?? 'GET', path, headers, body, status: 0 }
  requests.push(request)
  const isLogin = request.method === 'POST' && path === SESSIONS
  const reply =
    options.intercept?.(request) ??
    (isLogin ? logIn(options, state, parsed) : undefined) ??
    (path === ROOT || isKnown(options, state, authorization, token) ? undefined : unauthorized()) ??
    (await answer(options, state, request))
  request.status = reply.status
  return reply
}

async function answer({ tasks }: BmcOptions, state: BmcState, request: BmcRequest): Promise<Reply> {
  const { method, path, body } = request
  const etag = `W/"${state.generation}"`
  if (method === 'GET') {
    const body = resourceAt(path, state)
    return body === undefined ? missing(path) : { status: 200, body, headers: { ETag: etag } }
  }
  if (method === 'DELETE' && state.sessions.delete(path)) return { status: 204 }
  const condition = request.headers['if-match']
  // An action is no resource: iDRAC 10 answers 412 to If-Match on a POST.
  if (condition !== undefined && (method === 'POST' || condition !== etag)) {
    return refusal(412, 'PreconditionFailed', 'The ETag supplied did not match the current ETag of the resource.')
  }
  const reply = await change(method, path, body, state)
  if (reply === undefined) return missing(path)
  if (reply.status < 300) state.generation++
  return reply.status < 300 && method === 'POST' && tasks ? asTask(state) : reply
}

function logIn(options: BmcOptions, state: BmcState, body: Readonly<Record<string, unknown>>): Reply {
  if (body['UserName'] !== options.username || body['Password'] !== options.password) return unauthorized()
  const session = { id: randomBytes(4).toString('hex'), token: randomBytes(16).toString('hex') }
  const path = `${SESSIONS}/${session.id}`
  state.sessions.set(path, session)
  const headers = { 'X-Auth-Token': session.token, Location: path }
  return { status: 201, headers, body: { '@odata.id': path, Id: session.id, UserName: options.username } }
}

function isKnown(
  { username, password }: BmcOptions,
  { sessions }: BmcState,
  authorization: string | undefined,
  token: string | string[] | undefined,
): boolean {
  if (token !== undefined) return [...sessions.values()].some((session) => session.token === token)
  return authorization === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function unauthorized(): Reply {
  return refusal(401, 'NoValidSession', 'There is no valid session established with the implementation.')
}

function missing(path: string): Reply {
  return refusal(404, 'ResourceMissingAtURI', `The resource at the URI ${path} was not found.`, [path])
}

async function readJson(incoming: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new Error('the body is too large')
    chunks.push(chunk)
  }
  return size === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>)
}

function write(outgoing: ServerResponse, { status, body, headers }: Reply): void {
  const content = body === undefined ? undefined : JSON.stringify(body)
  const type = content === undefined ? {} : { 'Content-Type': 'application/json; charset=utf-8' }
  outgoing.writeHead(status, { 'OData-Version': '4.0', ...type, ...headers }).end(content)
}

import { AppError, isAppError } from '../../shared/errors.ts'
import { retry, sleep } from '../../shared/time.ts'
import type { BmcAddress } from '../jobs/bmc-ports.ts'
import { isOk, type RedfishAnswer } from './answer.ts'
import { parseMessages } from './messages.ts'
import { findRetry, retryWaitMs } from './retries.ts'
import type { Timing } from './timing.ts'
import { createTransport, type RawAnswer } from './transport.ts'

export interface Request {
  readonly method: string
  readonly path: string
  /** Sent as JSON; `undefined` sends no body at all. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Default `requestMs` of the timing. */
  readonly timeoutMs?: number
}

/** Requests without any idea of who is logged in. */
export interface Exchange {
  /** One request, one answer. */
  once(request: Request, signal: AbortSignal): Promise<RedfishAnswer>
  /** The same again when a GET gets no answer, or the retry table knows that the refusal passes. */
  patiently(request: Request, signal: AbortSignal): Promise<RedfishAnswer>
}

/** DSP0266 "Request headers". Identity, because compression turns strong ETags into weak or suffixed ones. */
const HEADERS = { 'OData-Version': '4.0', Accept: 'application/json', 'Accept-Encoding': 'identity' }

/** A network error of a GET may be a BMC that restarts its web server. */
const NETWORK_BACKOFF = { firstMs: 1_000, maxMs: 5_000, attempts: 3 }

export function createExchange(address: BmcAddress, origin: URL, timing: Timing): Exchange {
  const transport = createTransport(origin, address.verifyTls, timing.reach)
  let plainHeaders: Readonly<Record<string, string>> = HEADERS

  async function once(request: Request, signal: AbortSignal): Promise<RedfishAnswer> {
    const { method, path, timeoutMs = timing.requestMs } = request
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const content = body === undefined ? {} : { 'Content-Type': 'application/json' }
    const headers = { ...plainHeaders, ...content, ...request.headers }
    const raw = await observed(() => transport({ method, path, headers, body, timeoutMs }, signal), method)
    if (raw.status !== 406 || !('Accept-Encoding' in plainHeaders)) return readAnswer(request, raw, address.password)
    // HPE Gen10+ serves some resources compressed only.
    const { 'Accept-Encoding': _, ...rest } = plainHeaders
    plainHeaders = rest
    return once(request, signal)
  }

  async function observed(send: () => Promise<RawAnswer>, method: string): Promise<RawAnswer> {
    const begun = performance.now()
    const tell = (status: number | undefined) =>
      timing.observe?.({ url: address.url, method, status, ms: performance.now() - begun })
    try {
      const raw = await send()
      tell(raw.status)
      return raw
    } catch (error) {
      tell(undefined)
      throw error
    }
  }

  async function patiently(request: Request, signal: AbortSignal): Promise<RedfishAnswer> {
    const { firstMs, maxMs, attempts } = NETWORK_BACKOFF
    const waits = { firstMs: firstMs * timing.waitFactor, maxMs: maxMs * timing.waitFactor }
    const backoff = { ...waits, attempts: request.method === 'GET' ? attempts : 1 }
    for (let attempt = 0; ; attempt++) {
      const answer = await retry(() => once(request, signal), backoff, isUnreachable, signal)
      const row = isOk(answer) ? undefined : findRetry(answer)
      if (row === undefined || attempt + 1 >= row.attempts) return answer
      await sleep(retryWaitMs(row, attempt, answer) * timing.waitFactor, signal)
    }
  }

  return { once, patiently }
}

function isUnreachable(error: unknown): boolean {
  return isAppError(error, 'redfish-unreachable')
}

/** Messages are shown without the password: a BMC may repeat in them what it was sent. */
function readAnswer({ method, path }: Request, raw: RawAnswer, password: string): RedfishAnswer {
  if (raw.garbled && raw.status === 200 && method === 'GET') {
    throw new AppError('redfish-answer', `Cannot read ${path} of the BMC: it is no JSON`, { facts: { method, path } })
  }
  const messages = parseMessages(raw.body).map((message) => ({
    ...message,
    shown: withoutSecrets(message.text, password),
  }))
  return { method, path, status: raw.status, headers: raw.headers, body: raw.body, messages }
}

/** The token of a media URL is a secret as well, whichever request the BMC repeats it to. */
function withoutSecrets(text: string, password: string): string {
  const shown = password === '' ? text : text.replaceAll(password, '[redacted]')
  return shown.replace(/(\/media\/)[^/\s]+/g, '$1[redacted]')
}

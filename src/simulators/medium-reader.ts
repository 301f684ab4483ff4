import http from 'node:http'
import https from 'node:https'
import type { ReadAt } from '../isobuilder/reader.ts'
import { AppError } from '../shared/errors.ts'

export interface RemoteMedium {
  /** In bytes. */
  readonly size: number
  readonly readAt: ReadAt
}

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

/** BMCs ask for 4 to 128 KiB at a time; a simulated one spares the loopback some of that. */
const MAX_RANGE = 4 * 1024 * 1024

/** One that nobody reads from is closed: a thousand BMCs of one address would use up what the controller grants it. */
const CONNECTION = { keepAlive: true, maxSockets: 1, timeout: 5_000 }

/** What a BMC does before it says that a medium is in: HEAD, then the first sectors. */
export async function probeMedium(url: string, signal: AbortSignal, trusted?: readonly string[]): Promise<void> {
  const { readAt } = await openMedium(url, signal, trusted)
  await readAt(0, 4096)
}

/**
 * A medium behind a URL, read by ranges. Certificates are not verified, which is what BMCs do unless told whom to trust.
 * @throws `iso-read` when it is not there
 */
export async function openMedium(url: string, signal: AbortSignal, trusted?: readonly string[]): Promise<RemoteMedium> {
  const verifying = trusted === undefined ? { rejectUnauthorized: false } : { ca: [...trusted] }
  const agent = url.startsWith('https:') ? new https.Agent({ ...CONNECTION, ...verifying }) : new http.Agent(CONNECTION)
  const exchange = (method: string, headers: http.OutgoingHttpHeaders) =>
    exchangeOnce(url, { method, headers, agent, signal })
  const head = await exchange('HEAD', {})
  const size = Number(head.headers['content-length'])
  if (head.status !== 200 || !(size > 0)) {
    throw new AppError('iso-read', `Cannot read the medium: the server answers ${head.status} to HEAD`)
  }
  return {
    size,
    async readAt(offset, length) {
      const end = Math.min(size, offset + Math.min(length, MAX_RANGE))
      if (end <= offset) return new Uint8Array()
      const answer = await exchange('GET', { Range: `bytes=${offset}-${end - 1}` })
      if (answer.status === 206 && answer.body.length === end - offset) return answer.body
      throw new AppError('iso-read', `Cannot read the medium: the server answers ${answer.status} to a range`)
    },
  }
}

function exchangeOnce(url: string, options: http.RequestOptions): Promise<Answer> {
  const request = url.startsWith('https:') ? https.request : http.request
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options)
    outgoing.once('error', reject)
    outgoing.once('response', (message) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => chunks.push(chunk))
      message.once('error', reject)
      message.once('end', () =>
        resolve({ status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks) }),
      )
    })
    outgoing.end()
  })
}

import { request } from 'node:https'
import { AppError } from '../shared/errors.ts'
import { fingerprintOf } from '../shared/fingerprint.ts'
import { withTimeout } from '../shared/time.ts'

const ANSWER_MS = 15_000
const MAX_PEM = 64 * 1024

/** The CA that a controller says is its own. Nothing is verified yet: its fingerprint must be compared. */
export interface OfferedCa {
  readonly pem: string
  readonly fingerprint: string
}

/**
 * Fetches `/ca.pem` without knowing whom to trust; undefined when the controller has no CA of its own, because clients trust
 * it already. Nothing secret is sent.
 * @throws `controller-unreachable`
 */
export async function fetchOfferedCa(base: string, signal: AbortSignal): Promise<OfferedCa | undefined> {
  const { status, text } = await fetchUnverified(new URL('/ca.pem', base), withTimeout(signal, ANSWER_MS)).catch(
    (cause: unknown) => {
      throw new AppError('controller-unreachable', `Cannot reach the controller at ${base}`, { cause })
    },
  )
  if (status === 404) return undefined
  try {
    if (status !== 200) throw new Error(`it answered ${status}`)
    return { pem: text, fingerprint: fingerprintOf(text) }
  } catch (cause) {
    throw new AppError('controller-unreachable', `Cannot use ${base}: it gives no CA, is it a controller?`, { cause })
  }
}

function fetchUnverified(url: URL, signal: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, rejectUnauthorized: false, signal }, async (answer) => {
      try {
        let text = ''
        for await (const chunk of answer.setEncoding('latin1')) {
          text += chunk
          if (text.length > MAX_PEM) throw new Error('the CA is too large')
        }
        resolve({ status: answer.statusCode ?? 0, text })
      } catch (error) {
        reject(error)
      }
    })
    sent.on('error', reject)
    sent.end()
  })
}

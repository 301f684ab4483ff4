import type { DestinationStream, Logger } from 'pino'
import { pino } from 'pino'

export type { Logger } from 'pino'

/** Keys whose values never reach a log line, at the top or one level down. */
const SECRET_KEYS = [
  'password',
  'secret',
  'token',
  'authorization',
  'Authorization',
  'x-webhook-secret',
  'x-auth-token',
]

/** What is kept of lines that cannot be written for now, in bytes. */
const MAX_HELD_BYTES = 1024 * 1024

/** A line that cannot be written is lost or comes later; it is never an error of whoever logs. */
function standardOutput(): DestinationStream {
  const output = pino.destination({ sync: true, maxLength: MAX_HELD_BYTES })
  output.on('error', () => undefined)
  return output
}

/**
 * JSON lines to standard output, one a record. Transports are not used: they need worker files on disk, which a single
 * executable does not have.
 */
export function createLogger(level: string, destination: DestinationStream = standardOutput()): Logger {
  const paths = SECRET_KEYS.flatMap((key) => [`["${key}"]`, `*["${key}"]`])
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths, censor: '[redacted]' },
    },
    destination,
  )
}

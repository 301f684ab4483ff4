import { createWriteStream } from 'node:fs'
import type { Readable } from 'node:stream'

/** What a serial console has said: kept in a file with times, and watched for words. */
export interface SerialConsole {
  attach(output: Readable): void
  /** The first match in anything said since the last power-on, or later; rejects after the time with the last lines. */
  waitFor(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray>
  /** Everything said since the last power-on, without escape sequences. */
  text(): string
  close(): void
}

/** Enough for a boot with all its messages. */
const MAX_TEXT = 4 * 1024 * 1024
const TAIL_LINES = 30

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are told by control characters
const ESCAPES = /\x1b\[[0-9:;<=>?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>]|\r/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same, cut off at the end of a chunk
const UNFINISHED_ESCAPE = /\x1b(\[[0-9:;<=>?]*[ -/]*|[()])?$/

/** A console whose lines go to `logPath` as `   12.345 text`, seconds since the power-on. */
export function serialConsole(logPath: string): SerialConsole {
  const log = createWriteStream(logPath, { flags: 'a' })
  const watchers = new Set<() => void>()
  let said = ''
  let line = ''
  let unfinished = ''
  let start = performance.now()

  function take(chunk: string): void {
    const raw = unfinished + chunk
    unfinished = UNFINISHED_ESCAPE.exec(raw)?.[0] ?? ''
    const clean = raw.slice(0, raw.length - unfinished.length).replace(ESCAPES, '')
    said = (said + clean).slice(-MAX_TEXT)
    const lines = (line + clean).split('\n')
    line = lines.pop() ?? ''
    const seconds = ((performance.now() - start) / 1000).toFixed(3).padStart(9)
    for (const full of lines) log.write(`${seconds} ${full}\n`)
    for (const look of watchers) look()
  }

  return {
    attach(output) {
      if (line !== '') log.write(`${line}\n`)
      log.write('--- power on ---\n')
      said = ''
      line = ''
      unfinished = ''
      start = performance.now()
      output.setEncoding('utf8')
      output.on('data', take)
    },
    waitFor(pattern, timeoutMs) {
      return new Promise((resolve, reject) => {
        const done = () => {
          clearTimeout(timer)
          watchers.delete(look)
        }
        const look = () => {
          const match = pattern.exec(said)
          if (match === null) return
          done()
          resolve(match)
        }
        const timer = setTimeout(() => {
          done()
          const tail = said.split('\n').slice(-TAIL_LINES).join('\n')
          reject(new Error(`the console has not said ${pattern} within ${timeoutMs} ms; its last lines:\n${tail}`))
        }, timeoutMs)
        watchers.add(look)
        look()
      })
    },
    text: () => said,
    close: () => log.end(),
  }
}

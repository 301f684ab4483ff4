import type { ChildProcess, StdioOptions } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { AppError } from './errors.ts'
import { openPipe } from './pipe.ts'
import { pipeWriter } from './pipe-writer.ts'
import { hasCode } from './system-error.ts'
import { seenLater, sleep } from './time.ts'

/** A program and its arguments; never a shell line. */
export interface Command {
  readonly argv: readonly [string, ...string[]]
  /** Text for its standard input. */
  readonly stdin?: string
  /** Exit codes that are no failure; 0 alone without them. */
  readonly goodCodes?: readonly number[]
}

/** Runs programs. Steps get one, so their tests can give another. */
export interface Programs {
  /** Runs to the end; what it prints is shown line by line, and to `seen` as well. */
  run(command: Command, signal: AbortSignal, seen?: (line: string) => void): Promise<void>
  /** Runs to the end and gives its standard output, the last 4 MiB of it; it is not shown. */
  read(command: Command, signal: AbortSignal): Promise<string>
  /**
   * Runs it with the chunks as standard input, and takes them: their memory is given back. An error of the source wins over that
   * of the starved program; a program that fails or stops reading wins over the broken pipe it leaves.
   */
  feed(command: Command, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>
}

const MAX_OUTPUT_BYTES = 4 * 1024 * 1024
/** Longer lines are progress bars that lost their way. */
const MAX_LINE = 4096
const KEPT_LINES = 10
/** How long the source of a program that failed may take to fail as well, of the same cause. */
const SOURCE_MS = 1000

/** `C` for messages that can be searched for; the rest of the environment as it is. */
const ENVIRONMENT = { LC_ALL: 'C' }

/** Programs whose lines go to `say`. All errors are `program-failed`. */
export function programs(say: (line: string) => void): Programs {
  return {
    async run(command, signal, seen) {
      const child = start(command, signal)
      const show = (line: string) => {
        say(line)
        seen?.(line)
      }
      eachLine(child.stdout, show)
      child.stdin?.end(command.stdin ?? '')
      await ended(child, command, show, signal)
    },
    async read(command, signal) {
      const child = start(command, signal)
      const chunks: Buffer[] = []
      let size = 0
      child.stdout?.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        while (size - (chunks[0]?.length ?? 0) >= MAX_OUTPUT_BYTES) size -= chunks.shift()?.length ?? 0
      })
      child.stdin?.end(command.stdin ?? '')
      await ended(child, command, undefined, signal)
      return Buffer.concat(chunks).toString('utf8')
    },
    async feed(command, source, signal) {
      const { reader, writer } = await openPipe((path) => makeFifo(path, say, signal))
      await using stack = new AsyncDisposableStack()
      stack.use(reader)
      const unpoured = stack.use(new AsyncDisposableStack())
      unpoured.use(writer)
      const child = start(command, signal, reader)
      eachLine(child.stdout, say)
      // It may fail before anybody waits for it.
      const done = seenLater(ended(child, command, say, signal))
      // The program has its own: when it ends, writing fails.
      await reader.close()
      let isPoured = false
      const pouring = pour(source, writer, unpoured.move(), signal).finally(() => {
        isPoured = true
      })
      // A source that fails too says more, but it may have nothing to say for minutes.
      await Promise.race([pouring.catch(() => undefined), done.catch(() => sleep(SOURCE_MS, signal))])
      if (!isPoured) await done
      const [poured, ran] = await Promise.allSettled([pouring, done])
      signal.throwIfAborted()
      if (poured.status === 'rejected' && !hasCode(poured.reason, 'EPIPE')) throw poured.reason
      if (ran.status === 'rejected') throw ran.reason
      if (poured.status === 'rejected') throw failure(command, 'it did not read all of its input', poured.reason)
    },
  }
}

async function makeFifo(path: string, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const command: Command = { argv: ['mkfifo', path] }
  await ended(start(command, signal), command, say, signal)
}

/**
 * At the end, also of an error, the reader sees it: `owned` closes the pipe, and nobody else may, for the thread that writes knows
 * it by its number alone.
 */
async function pour(
  source: AsyncIterable<Uint8Array>,
  pipe: FileHandle,
  owned: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<void> {
  await using stack = owned
  const writer = stack.use(pipeWriter(pipe))
  for await (const chunk of source) {
    signal.throwIfAborted()
    await writer.write(chunk)
  }
  await writer.flushed()
}

function start(command: Command, signal: AbortSignal, input?: FileHandle): ChildProcess {
  signal.throwIfAborted()
  const [program, ...args] = command.argv
  const stdio: StdioOptions = [input?.fd ?? 'pipe', 'pipe', 'pipe']
  const child = spawn(program, args, { signal, env: { ...process.env, ...ENVIRONMENT }, stdio })
  // A program that does not read its input closes the pipe: its exit code tells, not EPIPE.
  child.stdin?.on('error', () => undefined)
  return child
}

function ended(
  child: ChildProcess,
  command: Command,
  say: ((line: string) => void) | undefined,
  signal: AbortSignal,
): Promise<void> {
  const last: string[] = []
  eachLine(child.stderr, (line) => {
    say?.(line)
    last.push(line)
    if (last.length > KEPT_LINES) last.shift()
  })
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      const missing = hasCode(error, 'ENOENT')
      reject(signal.aborted ? signal.reason : failure(command, missing ? 'there is no such program' : '', error))
    })
    child.once('close', (code, killedBy) => {
      if (signal.aborted) return reject(signal.reason)
      if (code !== null && (command.goodCodes ?? [0]).includes(code)) return resolve()
      const how = killedBy === null ? `it ended with exit code ${code}` : `it was killed by ${killedBy}`
      reject(failure(command, [how, ...last].join('\n')))
    })
  })
}

function failure(command: Command, state: string, cause?: unknown): AppError {
  const [program] = command.argv
  return new AppError('program-failed', `Cannot finish "${program}"${state === '' ? '' : `: ${state}`}`, {
    ...(cause === undefined ? {} : { cause }),
    facts: { argv: command.argv },
  })
}

/** Carriage returns end a line too: that is how progress is shown. */
function eachLine(stream: Readable | null, take: (line: string) => void): void {
  let held = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (text: string) => {
    const lines = (held + text).split(/[\r\n]+/)
    held = (lines.pop() ?? '').slice(-MAX_LINE)
    for (const line of lines) if (line.trim() !== '') take(line.slice(0, MAX_LINE))
  })
  stream?.on('end', () => {
    if (held.trim() !== '') take(held)
  })
}

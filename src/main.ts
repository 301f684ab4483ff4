import type { Command, CommandGroup, Io } from './commands/command.ts'
import { commandHelp, groupHelp, topHelp } from './commands/help.ts'
import { readInvocation } from './commands/parse.ts'
import { printable } from './commands/printable.ts'
import { COMMANDS } from './commands/table.ts'
import { AppError, errorText, isAppError, problemLines } from './shared/errors.ts'
import { VERSION } from './shared/version.ts'

/** Exit codes of every command but `dispatch`, which returns its own (docs/contracts.md section 5). */
const FAILED = 1
const USAGE = 2

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const

async function main(argv: readonly string[], io: Io, signal: AbortSignal): Promise<number> {
  const [word, ...rest] = argv
  if (word === undefined || word === '--help' || word === '-h' || word === 'help') {
    io.out(topHelp(COMMANDS, VERSION))
    return 0
  }
  if (word === '--version' || word === '-V') {
    io.out(`provisioner ${VERSION}\n`)
    return 0
  }
  const row = COMMANDS.find(({ name }) => name === word)
  if (row === undefined)
    throw new AppError('usage', `Cannot run "${word}": there is no such command. See "provisioner --help"`)
  return runLoaded(await row.load(), row.summary, rest, io, signal)
}

async function runLoaded(
  loaded: Command | CommandGroup,
  summary: string,
  argv: readonly string[],
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  if ('run' in loaded) {
    if (asksForHelp(argv)) {
      io.out(commandHelp(loaded))
      return 0
    }
    return loaded.run(await readInvocation(loaded, argv, io, signal))
  }
  const [word, ...rest] = argv
  const command = loaded.commands.find(({ name }) => name === `${loaded.name} ${word}`)
  if (command !== undefined) return runLoaded(command, summary, rest, io, signal)
  const isBare = word === undefined || (word.startsWith('-') && !asksForHelp([word]))
  if (isBare && loaded.otherwise !== undefined) return runLoaded(loaded.otherwise, summary, argv, io, signal)
  if (word === undefined || asksForHelp([word])) {
    io.out(groupHelp(loaded, summary))
    return 0
  }
  throw new AppError(
    'usage',
    `Cannot run "${loaded.name} ${word}": there is no such command. See "provisioner ${loaded.name} --help"`,
  )
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end === -1 ? argv : argv.slice(0, end)).some((word) => word === '--help' || word === '-h')
}

/** The process as commands see it. */
function processIo(): Io {
  let input: Promise<string> | undefined
  const readInput = async () => Buffer.concat(await Array.fromAsync(process.stdin)).toString('utf8')
  return {
    env: process.env,
    interactive: process.stderr.isTTY === true,
    colour: process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '',
    columns: process.stdout.columns ?? 80,
    input: () => (input ??= readInput()),
    ask: (question) => askOnTerminal(question, false),
    askHidden: (question) => askOnTerminal(question, true),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    logger: async (level) => (await import('./shared/log.ts')).createLogger(level),
  }
}

/** readline echoes what is typed to its output; what is secret goes nowhere. */
async function askOnTerminal(question: string, hidden: boolean): Promise<string | undefined> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined
  const [{ createInterface }, { Writable }] = await Promise.all([
    import('node:readline/promises'),
    import('node:stream'),
  ])
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: hidden ? nowhere : process.stderr, terminal: true })
  // Ctrl-C and Ctrl-D are keys here, as the terminal is raw; without them the question would never end.
  const given = new AbortController()
  for (const event of ['SIGINT', 'close'] as const) terminal.once(event, () => given.abort())
  if (hidden) process.stderr.write(question)
  try {
    return await terminal.question(hidden ? '' : question, { signal: given.signal })
  } catch (cause) {
    throw new AppError('usage', 'Cannot go on: the question was not answered', { cause })
  } finally {
    terminal.close()
    if (hidden) process.stderr.write('\n')
  }
}

/**
 * Says what went wrong, every problem of a document on a line of its own. A bug keeps its stack. What
 * others have said is in it: a terminal is not moved by that.
 */
function report(error: unknown, io: Io): number {
  // A full disk or a path that is none: the system's own words are enough, whichever command met it.
  if (error instanceof Error && 'syscall' in error) {
    io.err(`provisioner: Cannot go on: ${printable(error.message)}\n`)
    return FAILED
  }
  if (!isAppError(error)) {
    io.err(`provisioner: this is a bug\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return FAILED
  }
  io.err(`provisioner: ${printable(errorText(error))}\n`)
  for (const line of problemLines(error)) io.err(printable(`  ${line}\n`))
  return error.kind === 'usage' ? USAGE : FAILED
}

/** A reader that has seen enough (`| head`) ends the program as it ends others; a full disk is said in a sentence. */
function endWithOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(`provisioner: Cannot write its output: ${error.message}\n`)
    process.exit(FAILED)
  })
  process.stderr.on('error', () => process.exit(FAILED))
}

async function start(): Promise<void> {
  // Reads of sixteen pulls wait for four threads otherwise; libuv looks once, before its first use of a thread.
  process.env['UV_THREADPOOL_SIZE'] ??= '16'
  const stop = new AbortController()
  // The first of either ends what is under way; the second ends the process, as signals do by themselves.
  const onSignal = (name: NodeJS.Signals) => {
    for (const each of STOP_SIGNALS) process.off(each, onSignal)
    stop.abort(new AppError('job-failed', `Cannot go on: stopped by ${name}`))
  }
  for (const name of STOP_SIGNALS) process.on(name, onSignal)
  endWithOutput()
  const io = processIo()
  try {
    process.exitCode = await main(process.argv.slice(2), io, stop.signal)
  } catch (error) {
    // Not by itself: what failed half-way may have left a server or a timer, and would wait for it.
    process.exit(report(error, io))
  }
}

void start()

import { parseArgs } from 'node:util'
import { AppError } from '../shared/errors.ts'
import type { Command, Invocation, Io } from './command.ts'
import type { Settings } from './config-file.ts'

/** The environment twin of an option: `--data-dir` is `PROVISIONER_DATA_DIR`. */
export function environmentName(option: string): string {
  return `PROVISIONER_${option.toUpperCase().replaceAll('-', '_')}`
}

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']

/**
 * The arguments of `command`, and what the file of its `--config` says where neither they nor the environment do.
 * @throws `usage`, `config-invalid`
 */
export async function readInvocation(
  command: Command,
  argv: readonly string[],
  io: Io,
  signal: AbortSignal,
): Promise<Invocation> {
  const { values } = parseOrExplain(command, argv)
  const given = typeof values['config'] === 'string' ? values['config'] : io.env[environmentName('config')]
  const path = 'config' in command.options && given !== '' ? given : undefined
  // The YAML reader is loaded by those who use it.
  const settings =
    path === undefined
      ? undefined
      : await (await import('./config-file.ts')).readSettings(path, command.options, command.name)
  const again = () => readInvocation(command, argv, io, signal)
  return { ...parseInvocation(command, argv, io, signal, settings), again }
}

/**
 * Reads the arguments of `command` strictly: an unknown option, a missing or a surplus argument is an error that names
 * it, all of them at once.
 * @throws `usage`
 */
export function parseInvocation(
  command: Command,
  argv: readonly string[],
  io: Io,
  signal: AbortSignal,
  settings?: Settings,
): Omit<Invocation, 'again'> {
  const { values, positionals } = parseOrExplain(command, argv)
  const problems: string[] = []
  const named = new Map<string, readonly string[]>()
  const left = [...positionals]
  for (const [index, spec] of command.positionals.entries()) {
    const [, name = '', mark] = /^(.*?)(\?|\.\.\.)?$/.exec(spec) ?? []
    // A repeated one leaves as many as are still to come.
    const count = mark === '...' ? Math.max(1, left.length - (command.positionals.length - index - 1)) : 1
    const given = left.splice(0, count)
    if (given.length === 0 && mark !== '?') problems.push(`${name} is missing`)
    const wrong = name.includes('|') ? given.filter((word) => !name.split('|').includes(word)) : []
    for (const word of wrong) problems.push(`${name} is expected, not "${word}"`)
    named.set(name, given)
  }
  for (const extra of left) problems.push(`"${extra}" is not expected`)

  /** Command line, then environment, then file, then default. */
  function found(name: string): { readonly text: string | undefined; readonly origin: string } {
    const given = values[name]
    if (given !== undefined) return { text: String(given), origin: `--${name}` }
    const twin = command.options[name]?.twin === false ? '' : (io.env[environmentName(name)] ?? '')
    if (twin !== '') return { text: twin, origin: environmentName(name) }
    const setting = settings?.values.get(name)
    if (setting !== undefined) return { text: setting.text, origin: `${settings?.path} line ${setting.line} ${name}` }
    return { text: command.options[name]?.default, origin: `--${name}` }
  }
  for (const [name, spec] of Object.entries(command.options)) {
    const { text, origin } = found(name)
    if (spec.required && text === undefined) {
      problems.push(`--${name} ${spec.value} is missing${spec.twin === false ? '' : ` (or ${environmentName(name)})`}`)
    }
    if (spec.value === undefined && text !== undefined && switchOf(text) === undefined) {
      problems.push(`${origin} is a switch, yes or no, not "${text}"`)
    }
    if (text !== undefined && spec.values?.includes(text) === false)
      problems.push(`${origin} is one of ${spec.values.join(', ')}, not "${text}"`)
  }
  if (problems.length > 0) throw usage(command, problems.join('; '))

  return {
    arg: (name) => named.get(name)?.[0] ?? '',
    args: (name) => named.get(name) ?? [],
    text: (name) => found(name).text,
    required: (name) => found(name).text ?? '',
    flag: (name) => switchOf(found(name).text ?? 'no') === true,
    origin: (name) => found(name).origin,
    isOption: (name) => name in command.options,
    usage: (why) => usage(command, why),
    io,
    signal,
  }
}

function parseOrExplain(command: Command, argv: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, spec]) => [
      name,
      { type: spec.value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw usage(command, error instanceof Error ? (error.message.split('. To specify')[0] ?? '') : String(error))
  }
}

function usage(command: Command, what: string): AppError<'usage'> {
  return new AppError(
    'usage',
    `Cannot run "provisioner ${command.name}": ${what}. See "provisioner ${command.name} --help"`,
  )
}

function switchOf(text: string): boolean | undefined {
  const word = text.toLowerCase()
  if (YES.includes(word)) return true
  return NO.includes(word) ? false : undefined
}

import { parseArgs } from 'node:util'
import { AppError } from '../shared/errors.ts'
import type { Command, Invocation, Io } from './command.ts'

/** Options every command has. */
export const COMMON = ['help', 'version'] as const

/** The environment twin of an option: `--data-dir` is `PROVISIONER_DATA_DIR`. */
export function environmentName(option: string): string {
  return `PROVISIONER_${option.toUpperCase().replaceAll('-', '_')}`
}

/**
 * Reads the arguments of `command` strictly: an unknown option, a missing or a surplus argument is an error that names
 * it, all of them at once.
 * @throws `usage`
 */
export function parseInvocation(command: Command, argv: readonly string[], io: Io, signal: AbortSignal): Invocation {
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
    named.set(name, given)
  }
  for (const extra of left) problems.push(`"${extra}" is not expected`)

  const text = (name: string): string | undefined => {
    const given = values[name]
    const twin = io.env[environmentName(name)]
    return typeof given === 'string' ? given : twin !== undefined && twin !== '' ? twin : command.options[name]?.default
  }
  for (const [name, spec] of Object.entries(command.options)) {
    if (spec.required && text(name) === undefined) {
      problems.push(`--${name} ${spec.value} is missing (or ${environmentName(name)})`)
    }
  }
  if (problems.length > 0) throw usage(command, problems.join('; '))

  return {
    arg: (name) => named.get(name)?.[0] ?? '',
    args: (name) => named.get(name) ?? [],
    text,
    required: (name) => text(name) ?? '',
    flag: (name) => values[name] === true || isTrue(io.env[environmentName(name)]),
    isOption: (name) => name in command.options,
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

function isTrue(text: string | undefined): boolean {
  return text === '1' || text === 'true' || text === 'yes'
}

import type { AppError } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'

/** One option of a command. `--name` has the environment twin `PROVISIONER_NAME` (dashes become underscores), unless `twin` is false. */
export interface OptionSpec {
  /** What stands for the value in the help (`ADDR:PORT`); absent for a switch. */
  readonly value?: string
  /** The only values there are; without them `value` may be anything. */
  readonly values?: readonly string[]
  readonly default?: string
  readonly required?: boolean
  /**
   * False where an option says what is changed, trusted or destroyed: what was exported for another command must not do
   * that unseen.
   */
  readonly twin?: false
  readonly doc: string
}

/** One command line a user can type. */
export interface Command {
  /** Full name below `provisioner`: `iso create`. */
  readonly name: string
  readonly summary: string
  /**
   * Names of the positional arguments, in order; a trailing `?` marks an optional one, `...` one that may be repeated, and
   * `on|off` is one of these words.
   */
  readonly positionals: readonly string[]
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Whole command lines, shown by `--help`. */
  readonly examples: readonly string[]
  /** Resolves to the exit code. */
  run(invocation: Invocation): Promise<number>
}

/** Commands that share their first word: `iso create`, `iso list` … */
export interface CommandGroup {
  readonly name: string
  readonly commands: readonly Command[]
  /** What runs when options follow the first word at once. */
  readonly otherwise?: Command
}

/** One first word of the command line. Its code is loaded when it is used, so `--version` stays fast. */
export interface CommandRow {
  readonly name: string
  readonly summary: string
  load(): Promise<Command | CommandGroup>
}

/** What a command is given: its arguments, checked, and the outside world. */
export interface Invocation {
  /** The positional argument of that name; `''` for an optional one that was left out. */
  arg(name: string): string
  /** The positional arguments of that name, which may be repeated. */
  args(name: string): readonly string[]
  /** The value of an option: command line, else environment, else file of --config, else default, else undefined. */
  text(name: string): string | undefined
  /** The same for an option that has a default or is required. */
  required(name: string): string
  flag(name: string): boolean
  /** Where its value comes from, for messages: `--listen`, `PROVISIONER_LISTEN`, `/etc/provisioner/provisioner.yaml line 3 listen`. */
  origin(name: string): string
  /** The same with what the file of --config says now. @throws `config-invalid` */
  again(): Promise<Invocation>
  /** Whether the command has that option at all; for code that several commands share. */
  isOption(name: string): boolean
  /** What to throw when the command line cannot be meant: it names the command, and where its help is. */
  usage(why: string): AppError<'usage'>
  readonly io: Io
  readonly signal: AbortSignal
}

/** Where a command talks to people. Arguments, environment and exit code are the process's: only main.ts asks it for them. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  /** True when a person watches standard error: progress bars, colours. */
  readonly interactive: boolean
  /** False when NO_COLOR is set or standard output is no terminal. */
  readonly colour: boolean
  readonly columns: number
  /** Everything on standard input, to each who asks. */
  input(): Promise<string>
  /** Asks a person and waits for a line; undefined when there is nobody to ask. */
  ask(question: string): Promise<string | undefined>
  /** The same without showing what is typed. */
  askHidden(question: string): Promise<string | undefined>
  out(text: string): void
  err(text: string): void
  /** Loaded when asked for: most commands do not log. */
  logger(level: string): Promise<Logger>
}

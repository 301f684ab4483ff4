import type { Command, Io } from '../../../src/commands/command.ts'
import { readInvocation } from '../../../src/commands/parse.ts'
import { createLogger } from '../../../src/shared/log.ts'

/** One command as main.ts runs it, with `input` on standard input and what is typed `hidden`; keeps what it printed and how it ended. */
export async function runCommand(
  command: Command,
  argv: readonly string[],
  env: Io['env'] = {},
  input = '',
  hidden?: string,
  signal: AbortSignal = new AbortController().signal,
) {
  let [out, err, asked] = ['', '', '']
  const io: Io = {
    ...{ env, interactive: false, colour: false, columns: 80 },
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    input: async () => input,
    ask: async () => undefined,
    askHidden: async (question) => {
      asked += question
      return hidden
    },
    logger: async () => createLogger('silent'),
  }
  const ended = (async () => command.run(await readInvocation(command, argv, io, signal)))()
  const [code, error] = await ended.then(
    (value) => [value ?? 0, undefined] as const,
    (cause: unknown) => [undefined, cause] as const,
  )
  return { out, err, asked, code, error }
}

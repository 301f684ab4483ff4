import type { Invocation, OptionSpec } from './command.ts'

/** The option of every command that prints data. */
export const JSON_OPTION = { json: { doc: 'Print JSON' } } as const satisfies Readonly<Record<string, OptionSpec>>

/** What a command was asked for: one document, or words for a person. */
export function answer({ flag, io }: Invocation, value: unknown, text: () => string): void {
  io.out(flag('json') ? `${JSON.stringify(value)}\n` : text())
}

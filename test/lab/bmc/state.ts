import type { Machine } from './machine.ts'

export interface SlotState {
  readonly id: string
  readonly mediaTypes: readonly string[]
  /** Number of the machine's drive behind it. */
  readonly drive: number
  image: string | undefined
}

export interface BootState {
  target: string
  enabled: 'Disabled' | 'Once' | 'Continuous'
  mode: 'UEFI' | 'Legacy'
}

/** Everything the BMC remembers. */
export interface BmcState {
  readonly machine: Machine
  readonly serial: string
  readonly uuid: string
  readonly slots: readonly SlotState[]
  readonly boot: BootState
  readonly sessions: Map<string, { readonly id: string; readonly token: string }>
  readonly tasks: Map<string, { looks: number }>
  readonly resets: string[]
  /** Counts changes; the ETag of everything. */
  generation: number
}

export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A refusal as DSP0266 "Error responses" has it. */
export function refusal(status: number, message: string, text: string, args: readonly string[] = []): Reply {
  const info = {
    '@odata.type': '#Message.v1_1_1.Message',
    MessageId: `Base.1.12.${message}`,
    Message: text,
    MessageArgs: args,
    Severity: 'Critical',
    Resolution: 'None.',
  }
  const error = {
    code: 'Base.1.12.GeneralError',
    message: 'A general error has occurred. See ExtendedInfo for more information.',
    '@Message.ExtendedInfo': [info],
  }
  return { status, body: { error } }
}

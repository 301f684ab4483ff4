import type { Scenario } from '../boot/boot.ts'

/** One way to fail, and what the operator sees of it. */
export interface FailureCase {
  /** Ends the sentence "When …". */
  readonly when: string
  readonly scenario: Scenario
  /** `failed_step` of the one report; `none` when nobody can be told. */
  readonly unit: string
  /** Steps that begin, the failing one included. */
  readonly began: readonly string[]
  /** Lines of the report's message; without a report, of the journal and the screen. */
  readonly says: readonly string[]
}

export const LINUX_STEPS = ['tool-image', 'partition', 'image-linux', 'bootloader-linux', 'config-drive']

import { OUR_PROGRAM, type Scenario } from '../boot/boot.ts'

/** What the operator sees of a failure. */
export interface SeenFailure {
  /** Ends the sentence "When …". */
  readonly when: string
  /** `failed_step` of the one report; `none` when nobody can be told. */
  readonly unit: string
  /** Lines of the report's message; without a report, of the journal and the screen. */
  readonly says: readonly string[]
}

/** One way to fail in a boot of the units. */
export interface FailureCase extends SeenFailure {
  readonly scenario: Scenario
  /** Steps of the target, and those of them that begin, the failing one included. */
  readonly steps: readonly string[]
  readonly began: readonly string[]
}

export const LINUX_STEPS = ['tool-image', 'partition', 'image-linux', 'bootloader-linux', 'config-drive']
export const IMAGE_STEPS = ['tool-image', 'image-disk', 'config-drive']
export const FIRMWARE_STEPS = ['vendor-firmware']

/** The step's own code runs, unless the scenario has something in its place; those before it are done at once. */
export function failing(
  steps: readonly string[],
  step: string,
  when: string,
  scenario: Scenario,
  says: readonly string[],
): FailureCase {
  return {
    when,
    scenario: { ...scenario, steps: { [step]: OUR_PROGRAM, ...scenario.steps } },
    unit: `${step}.service`,
    steps,
    began: steps.slice(0, steps.indexOf(step) + 1),
    says,
  }
}

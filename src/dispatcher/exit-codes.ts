import type { ErrorCode } from '../shared/errors.ts'
import { isAppError } from '../shared/errors.ts'

export interface Exit {
  /** What `provisioner dispatch` returns (docs/contracts.md section 5). */
  readonly code: number
  /** What a person in front of the server can do; docs/maintenance-os.md has the same table. */
  readonly advice: string
}

export const HANDED_OVER = 0

/** A bug, or a failure nobody thought of. */
export const UNEXPECTED: Exit = {
  code: 20,
  advice:
    'If it was stopped, retry the job; else this is a bug: report this screen and "provisioner job logs" of the job.',
}

/** By the code of the error. */
export const EXITS: Partial<Record<ErrorCode, Exit>> = {
  'medium-missing': {
    code: 10,
    advice: 'Retry the job; or insert the task ISO as second virtual medium and start the server from this one again.',
  },
  'medium-unreadable': {
    code: 11,
    advice: 'Retry the job. If it fails again, the BMC gives wrong or no data: see the media reads of the job.',
  },
  'schema-unusable': {
    code: 12,
    advice: 'Retry the job from a controller of the version of this image, or boot the image of that controller.',
  },
  'recipe-unreadable': {
    code: 13,
    advice: 'The recipe on the medium is no document: create the job again.',
  },
  'recipe-invalid': {
    code: 14,
    advice: 'Correct the recipe where it says, or boot a maintenance image as new as the controller.',
  },
  'outputs-unwritable': {
    code: 15,
    advice: 'The memory of this server is full or broken: check its size and its error log.',
  },
  'handover-failed': {
    code: 16,
    advice: 'If another task has run, restart the server; else the image lacks what is named: boot one that has it.',
  },
  'not-root': {
    code: 17,
    advice: 'The dispatcher was started by hand: run it as root, or with --no-start.',
  },
  'serial-mismatch': {
    code: 18,
    advice: 'The medium is for another server: check which BMC the controller has for this serial number.',
  },
  'signature-invalid': {
    code: 19,
    advice: 'Do not trust this medium. If it is the right controller, build the image with its keys/task.pub.',
  },
}

export function exitOf(error: unknown): Exit {
  return (isAppError(error) ? EXITS[error.code] : undefined) ?? UNEXPECTED
}

/** Whether the dispatcher ends so by itself: it has told why. */
export function isOwnExit(code: number): boolean {
  return [UNEXPECTED, ...Object.values(EXITS)].some((exit) => exit.code === code)
}

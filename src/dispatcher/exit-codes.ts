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
    'If it was stopped, retry the job; else this is a bug: send the output of "provisioner collect-logs --print".',
}

/** By the code of the error. */
export const EXITS: Partial<Record<ErrorCode, Exit>> = {
  'medium-missing': {
    code: 10,
    advice: 'Insert the task ISO as second virtual medium and restart provision-dispatcher.service; or retry the job.',
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
    advice:
      'The target is not in this image, a unit of it is missing or masked, or another task has run: do as it says.',
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

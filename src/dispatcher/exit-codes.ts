import type { ErrorCode } from '../shared/errors.ts'
import { isAppError } from '../shared/errors.ts'

/** What `provisioner dispatch` returns, by the code of its error (docs/contracts.md section 5). */
export const EXIT_CODES = {
  'medium-missing': 10,
  'medium-unreadable': 11,
  'schema-unusable': 12,
  'recipe-unreadable': 13,
  'recipe-invalid': 14,
  'outputs-unwritable': 15,
  'handover-failed': 16,
  'not-root': 17,
  'serial-mismatch': 18,
  'signature-invalid': 19,
} as const satisfies Partial<Record<ErrorCode, number>>

/** What a person in front of the server can do, by exit code; docs/maintenance-os.md has the same table. */
export const ADVICE: Readonly<Record<number, string>> = {
  10: 'Insert the task ISO as second virtual medium and restart provision-dispatcher.service; or retry the job.',
  11: 'Retry the job. If it fails again, the BMC gives wrong or no data: see the media reads of the job.',
  12: 'Retry the job from a controller of the version of this image, or boot the image of that controller.',
  13: 'The recipe on the medium is no document: create the job again.',
  14: 'Correct the recipe where it says, or boot a maintenance image as new as the controller.',
  15: 'The memory of this server is full or broken: check its size and its error log.',
  16: 'The target is not in this image, a unit of it is missing or masked, or another task has run: do as it says.',
  17: 'The dispatcher was started by hand: run it as root, or with --no-start.',
  18: 'The medium is for another server: check which BMC the controller has for this serial number.',
  19: 'Do not trust this medium. If it is the right controller, build the image with its keys/task.pub.',
  20: 'If it was stopped, retry the job; else this is a bug: send the output of "provisioner collect-logs --print".',
}

export const HANDED_OVER = 0

/** A bug, or a failure nobody thought of. */
export const UNEXPECTED = 20

export function exitCodeOf(error: unknown): number {
  if (!isAppError(error)) return UNEXPECTED
  const codes: Partial<Record<ErrorCode, number>> = EXIT_CODES
  return codes[error.code] ?? UNEXPECTED
}

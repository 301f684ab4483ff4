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

export const HANDED_OVER = 0

/** A bug, or a failure nobody thought of. */
export const UNEXPECTED = 20

export function exitCodeOf(error: unknown): number {
  if (!isAppError(error)) return UNEXPECTED
  const codes: Partial<Record<ErrorCode, number>> = EXIT_CODES
  return codes[error.code] ?? UNEXPECTED
}

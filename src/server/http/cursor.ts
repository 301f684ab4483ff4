import { AppError } from '../../shared/errors.ts'

/** Where a page ended, as a text that clients only hand back. */
function cursorOf(key: string): string {
  return Buffer.from(key).toString('base64url')
}

/** @throws `request-invalid` for what is no cursor of ours */
export function keyOf(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const key = Buffer.from(cursor, 'base64url').toString('utf8')
  if (/^[A-Za-z0-9._-]{1,64}$/.test(key) && cursorOf(key) === cursor) return key
  const problems = [{ path: '/query/cursor', code: 'cursor', message: 'must be the "next" of a page' }]
  throw new AppError('request-invalid', 'Cannot use the request: its query is not valid', { problems })
}

/** Cuts a list that was read one longer than the page: what is on the page, and the cursor when there is more. */
export function pageOf<T>(found: readonly T[], limit: number, key: (item: T) => string) {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, next: found.length > limit && last !== undefined ? cursorOf(key(last)) : null }
}

import type { Exchange } from './exchange.ts'

/** The entity tag of content that is named by its digest (RFC 9110 8.8.3). */
export function entityTag(digest: string): string {
  return `"${digest}"`
}

/** True when `If-None-Match` names the tag: answer 304 (RFC 9110 13.1.2, weak comparison). */
export function isUnchanged(c: Exchange, tag: string): boolean {
  const header = c.req.header('if-none-match')
  if (header === undefined) return false
  return header.split(',').some((text) => {
    const candidate = text.trim()
    return candidate === '*' || candidate === tag || candidate === `W/${tag}`
  })
}

/** False when `If-Range` names another version: then `Range` does not count (RFC 9110 13.1.5, strong comparison). */
export function rangeApplies(c: Exchange, tag: string): boolean {
  const header = c.req.header('if-range')
  return header === undefined || header.trim() === tag
}

/** Content named by its digest never changes; behind a login no shared cache may keep it. */
export function immutableCache(c: Exchange): string {
  const shared = c.req.header('authorization') === undefined ? '' : 'private, '
  return `${shared}max-age=31536000, immutable`
}

/** The headers of a 304, whose length would be that of the content (RFC 9110 15.4.5). */
export function withoutLength(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { 'content-length': _, ...rest } = headers
  return rest
}

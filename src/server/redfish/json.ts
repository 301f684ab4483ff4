/** Reading of JSON whose shape nobody promised: what is missing or of another type is `undefined`. */

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a path of property names. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value
  for (const key of path) here = isObject(here) && Object.hasOwn(here, key) ? here[key] : undefined
  return here
}

/** Longer texts are no names, links or sentences, and would come into errors, events and the database. */
const MAX_TEXT = 1024
/** Slots, targets and messages: no BMC has as many. */
const MAX_ITEMS = 256

/** A string that says something: not null, not empty, not blank; cut where it is longer than anything needs to be. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' && found.trim() !== '' ? found.trim().slice(0, MAX_TEXT) : undefined
}

export function flagAt(value: unknown, ...path: readonly string[]): boolean | undefined {
  const found = at(value, ...path)
  return typeof found === 'boolean' ? found : undefined
}

/** The strings of an array; `undefined` when there is no array (null on some Lenovo XCC). */
export function textsAt(value: unknown, ...path: readonly string[]): readonly string[] | undefined {
  const found = at(value, ...path)
  if (!Array.isArray(found)) return undefined
  const texts = found.slice(0, MAX_ITEMS).filter((item) => typeof item === 'string')
  return texts.map((text) => text.slice(0, MAX_TEXT))
}

/** The `@odata.id` of a navigation property. */
export function linkAt(value: unknown, ...path: readonly string[]): string | undefined {
  return textAt(value, ...path, '@odata.id')
}

/** The `@odata.id`s of an array of links, in the order given. */
export function linksAt(value: unknown, ...path: readonly string[]): readonly string[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found.slice(0, MAX_ITEMS).flatMap((item) => linkAt(item) ?? []) : []
}

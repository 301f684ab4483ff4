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

/** A string that says something: not null, not empty, not blank. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' && found.trim() !== '' ? found.trim() : undefined
}

export function flagAt(value: unknown, ...path: readonly string[]): boolean | undefined {
  const found = at(value, ...path)
  return typeof found === 'boolean' ? found : undefined
}

/** The strings of an array; `undefined` when there is no array (null on some Lenovo XCC). */
export function textsAt(value: unknown, ...path: readonly string[]): readonly string[] | undefined {
  const found = at(value, ...path)
  return Array.isArray(found) ? found.filter((item) => typeof item === 'string') : undefined
}

/** The `@odata.id` of a navigation property. */
export function linkAt(value: unknown, ...path: readonly string[]): string | undefined {
  return textAt(value, ...path, '@odata.id')
}

/** The `@odata.id`s of an array of links, in the order given. */
export function linksAt(value: unknown, ...path: readonly string[]): readonly string[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found.flatMap((item) => linkAt(item) ?? []) : []
}

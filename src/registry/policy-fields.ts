import { parseByteSize } from '../shared/byte-size.ts'
import type { Problem } from '../shared/errors.ts'

/** Where a value stands in the document, and where its problems are collected. */
export interface Place {
  /** A JSON pointer (RFC 6901). */
  readonly path: string
  readonly problems: Problem[]
}

/** Reads one value; undefined when it is wrong, which it then has told `place`. A missing value comes as undefined. */
export type Field<T> = (value: unknown, place: Place) => T | undefined

/** Notes a problem; for fields written elsewhere. */
export function refuse({ path, problems }: Place, code: string, message: string): undefined {
  problems.push({ path, code, message })
  return undefined
}

/** Exactly these fields: another one is a problem, since a misspelt right would otherwise be a silent one. */
export function record<T extends object>(fields: { readonly [K in keyof T]-?: Field<T[K]> }): Field<T> {
  return (value, place) => {
    if (!isRecord(value)) return refuse(place, 'type', value === undefined ? 'is required' : 'must be a mapping')
    const before = place.problems.length
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(fields, name)) refuse(inside(place, name), 'unknown', `"${name}" is not a field here`)
    }
    const entries = Object.entries(fields as Record<string, Field<unknown>>).map(
      ([name, field]) => [name, field(value[name], inside(place, name))] as const,
    )
    return place.problems.length > before ? undefined : (Object.fromEntries(entries) as T)
  }
}

export function list<T>(field: Field<T>, atLeast = 0): Field<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) return refuse(place, 'type', value === undefined ? 'is required' : 'must be a list')
    if (value.length < atLeast) return refuse(place, 'empty', `must have at least ${atLeast} entries`)
    const found = value.map((entry, index) => field(entry, inside(place, String(index))))
    return found.filter((entry) => entry !== undefined)
  }
}

/** A value that may be missing. */
export function optional<T, D>(field: Field<T>, fallback: D): Field<T | D> {
  return (value, place) => (value === undefined ? fallback : field(value, place))
}

export function text(pattern: RegExp, expected: string): Field<string> {
  return (value, place) => {
    if (value === undefined) return refuse(place, 'required', 'is required')
    return typeof value === 'string' && pattern.test(value) ? value : refuse(place, 'pattern', `is not ${expected}`)
  }
}

export function oneOf<const T extends string>(...words: readonly T[]): Field<T> {
  return (value, place) =>
    words.find((word) => word === value) ?? refuse(place, 'enum', `must be one of ${words.join(', ')}`)
}

export function wholeNumber(least: number, most: number): Field<number> {
  return (value, place) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : refuse(place, 'number', `must be a whole number from ${least} to ${most}`)
}

/** `512MiB`, `20GiB` or a number of bytes. */
export function byteSize(value: unknown, place: Place): number | undefined {
  const bytes = typeof value === 'number' || typeof value === 'string' ? parseByteSize(String(value)) : undefined
  return bytes ?? refuse(place, 'size', 'must be a size such as "512MiB" or "20GiB"')
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `30s`, `10m`, `12h` or `7d`, in seconds. */
export function duration(value: unknown, place: Place): number | undefined {
  const match = /^([1-9][0-9]{0,6})([smhd])$/.exec(typeof value === 'string' ? value : '')
  if (match === null) return refuse(place, 'duration', 'must be a time such as "30s", "10m", "12h" or "7d"')
  return Number(match[1]) * (SECONDS[match[2] ?? ''] ?? 1)
}

function inside({ path, problems }: Place, name: string): Place {
  return { path: `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, problems }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

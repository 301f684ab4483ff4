import type { Invocation } from './command.ts'

/** A whole number from 1 on. @throws `usage` */
export function countOption({ required, origin, usage }: Invocation, name: string, max: number): number {
  const text = required(name)
  if (/^[1-9][0-9]{0,9}$/.test(text) && Number(text) <= max) return Number(text)
  throw usage(`${origin(name)} is a whole number from 1 to ${max}, not "${text}"`)
}

/** The options of these names that are given, as the query of an address. */
export function queryOf({ text }: Invocation, names: readonly string[]): URLSearchParams {
  const query = new URLSearchParams()
  for (const name of names) {
    const value = text(name)
    if (value !== undefined) query.set(name, value)
  }
  return query
}

/** Seconds, and how many of each unit make the next one. */
const UNITS = [
  ['s', 60],
  ['min', 60],
  ['h', 24],
  ['d', Number.POSITIVE_INFINITY],
] as const

/** `40 s`, `3 min`, `5 h`, `2 d`: the largest unit that fits, as a person says it. */
export function duration(seconds: number): string {
  let value = Math.max(0, seconds)
  for (const [unit, next] of UNITS) {
    if (value < next || unit === 'd') return `${Math.floor(value)} ${unit}`
    value /= next
  }
  return ''
}

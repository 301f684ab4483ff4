import type { Sample } from './prometheus.ts'

type Labels = Readonly<Record<string, string>>

/** Counts since the start, one series for each set of labels. */
export interface Counter {
  add(labels: Labels, by?: number): void
  samples(): Sample[]
}

export interface Histogram {
  observe(labels: Labels, value: number): void
  samples(): Sample[]
}

/** Labels come from outside in part; a counter must not become a leak. */
const MAX_SERIES = 2_000

export function createCounter(name: string): Counter {
  const series = createSeries(() => ({ value: 0 }))
  return {
    add(labels, by = 1) {
      series.of(labels).value += by
    },
    samples: () => series.all().map(({ labels, held }) => ({ name, labels, value: held.value })),
  }
}

/** @param bounds upper bounds of the buckets, ascending; `+Inf` is added */
export function createHistogram(name: string, bounds: readonly number[]): Histogram {
  const series = createSeries(() => ({ buckets: bounds.map(() => 0), sum: 0, count: 0 }))
  return {
    observe(labels, value) {
      const held = series.of(labels)
      const bucket = bounds.findIndex((bound) => value <= bound)
      if (bucket !== -1) held.buckets[bucket] = (held.buckets[bucket] ?? 0) + 1
      held.sum += value
      held.count++
    },
    samples: () =>
      series.all().flatMap(({ labels, held: { buckets, sum, count } }) => {
        let below = 0
        const bounded = bounds.map((bound, index) => {
          below += buckets[index] ?? 0
          return { name: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: below }
        })
        return [
          ...bounded,
          { name: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
          { name: `${name}_sum`, labels, value: sum },
          { name: `${name}_count`, labels, value: count },
        ]
      }),
  }
}

function createSeries<T>(make: () => T) {
  const known = new Map<string, { readonly labels: Labels; readonly held: T }>()
  return {
    of(labels: Labels): T {
      const key = Object.values(labels).join('\0')
      const found = known.get(key)
      if (found !== undefined) return found.held
      if (known.size >= MAX_SERIES) return make()
      const added = { labels, held: make() }
      known.set(key, added)
      return added.held
    },
    all: () => [...known.values()],
  }
}

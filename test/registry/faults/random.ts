/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** From 0 to below `end`. */
  below(end: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly [T, ...T[]] | readonly T[]): T
  bytes(length: number): Buffer
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number) => Math.floor(next() * end)
  return {
    below,
    chance: (probability) => next() < probability,
    pick(from) {
      const found = from[below(from.length)]
      if (found === undefined) throw new Error('Cannot pick from nothing')
      return found
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  }
}

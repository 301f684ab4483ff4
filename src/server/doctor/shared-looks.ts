/** Looks at things that stand few lookers, such as BMCs with a handful of sessions. */
export interface SharedLooks<T> {
  /** One look at a time for each key; whoever comes during it, or shortly after it, gets the same. */
  look(key: string, ask: () => Promise<T>): Promise<T>
  /** What was seen is not so any more. */
  forget(key: string): void
}

interface Look<T> {
  readonly asked: Promise<T>
  goodUntil: number
}

/** `rememberMs`: how long the end of a look, a failure too, is good for those who come later. */
export function sharedLooks<T>(rememberMs: number): SharedLooks<T> {
  const looks = new Map<string, Look<T>>()
  return {
    look(key, ask) {
      const known = looks.get(key)
      if (known !== undefined && performance.now() < known.goodUntil) return known.asked
      const look: Look<T> = { asked: ask(), goodUntil: Number.POSITIVE_INFINITY }
      looks.set(key, look)
      const end = () => {
        look.goodUntil = performance.now() + rememberMs
      }
      look.asked.then(end, end)
      return look.asked
    },
    forget: (key) => void looks.delete(key),
  }
}

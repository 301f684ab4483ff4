/** Tells whether a name matches, in time proportional to the lengths of pattern and name. */
export interface Glob {
  test(name: string): boolean
}

const [PART, ANYTHING] = ['*', '**']

/**
 * `*` stands for a part without "/", `**` for anything. No regular expression: several wildcards make one take years for
 * a name of 255 characters, and names come from whoever asks.
 */
export function compileGlob(text: string): Glob {
  const tokens = text.match(/\*\*|[\s\S]/g) ?? []
  // Most patterns have no wildcard, or one at the end.
  const literal = tokens.findIndex((token) => token === PART || token === ANYTHING)
  const head = literal === -1 ? text : tokens.slice(0, literal).join('')
  return {
    test(name) {
      if (literal === -1) return name === text
      return name.startsWith(head) && run(tokens, literal, name.slice(head.length))
    },
  }
}

/** All the places in the pattern where the name may be so far, moved on by each character. */
function run(tokens: readonly string[], from: number, name: string): boolean {
  let places = skipWildcards(tokens, [from])
  for (const character of name) {
    const next = places.flatMap((at) => {
      const token = tokens[at]
      if (token === ANYTHING || (token === PART && character !== '/')) return [at]
      return token === character ? [at + 1] : []
    })
    if (next.length === 0) return false
    places = skipWildcards(tokens, next)
  }
  return places.includes(tokens.length)
}

/** A wildcard may stand for nothing. */
function skipWildcards(tokens: readonly string[], places: readonly number[]): number[] {
  const reached = new Set<number>()
  for (const place of places) {
    for (let at = place; !reached.has(at); at++) {
      reached.add(at)
      if (tokens[at] !== PART && tokens[at] !== ANYTHING) break
    }
  }
  return [...reached]
}

/** The 8.3 name of an entry, 11 bytes, and whether it says the whole name. */
export interface ShortName {
  readonly bytes: Buffer
  /** The long name must be recorded as well. */
  readonly isAlias: boolean
}

/** Characters of an 8.3 name (FAT specification section 6.1), without the letters that would change their case. */
const SHORT = /^[A-Z0-9$%'\-_@~`!(){}^#&]+$/

/** What a long name cannot have (FAT specification section 7.2). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are among the forbidden ones
const FORBIDDEN = /[\u0000-\u001f"*/:<>?\\|]/

const MAX_LONG = 255

/** What keeps a name from being recorded, or nothing. */
export function nameProblem(name: string): string | undefined {
  if (FORBIDDEN.test(name)) return 'a FAT name cannot have control characters or " * / : < > ? \\ |'
  if (name.length > MAX_LONG) return `a FAT name has at most ${MAX_LONG} characters`
  if (/[. ]$/.test(name)) return 'a FAT name cannot end with a dot or a space'
  return undefined
}

/** Two names that a FAT driver cannot tell apart. ASCII case only: drivers differ about the rest. */
export function foldedName(name: string): string {
  return name.replace(/[a-z]/g, (letter) => letter.toUpperCase())
}

/**
 * The short names of a directory, in the order given. A name that is not an upper-case 8.3 name gets an alias `NAME~1`
 * (FAT specification section 7.4) and keeps its case in a long name.
 */
export function shortNames(names: readonly string[]): ShortName[] {
  const exact = new Set(names.filter((name) => exactShort(name) !== undefined))
  const taken = new Set<string>([...exact].map((name) => (exactShort(name) ?? Buffer.alloc(0)).toString('latin1')))
  return names.map((name) => {
    const short = exactShort(name)
    if (short !== undefined) return { bytes: short, isAlias: false }
    for (let number = 1; ; number++) {
      const alias = aliasOf(name, number)
      if (taken.has(alias)) continue
      taken.add(alias)
      return { bytes: Buffer.from(alias, 'latin1'), isAlias: true }
    }
  })
}

function exactShort(name: string): Buffer | undefined {
  const { stem, extension } = split(name)
  const fits = stem.length <= 8 && extension.length <= 3 && SHORT.test(stem)
  if (!fits || (name.includes('.') && !SHORT.test(extension))) return undefined
  return Buffer.from(padded(stem, extension), 'latin1')
}

function aliasOf(name: string, number: number): string {
  const clean = (text: string) =>
    foldedName(text).replace(/[^A-Z0-9$%'\-_@~`!(){}^#&]/g, (c) => (/[. ]/.test(c) ? '' : '_'))
  const { stem, extension } = split(name)
  const tail = `~${number}`
  return padded(clean(stem).slice(0, 8 - tail.length) + tail, clean(extension).slice(0, 3))
}

function padded(stem: string, extension: string): string {
  return stem.padEnd(8) + extension.padEnd(3)
}

/** At the last dot; a leading one belongs to the name. */
function split(name: string): { stem: string; extension: string } {
  const dot = name.lastIndexOf('.')
  return dot <= 0 ? { stem: name, extension: '' } : { stem: name.slice(0, dot), extension: name.slice(dot + 1) }
}

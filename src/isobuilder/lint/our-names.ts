import type { Node } from './node.ts'

/** Stem and extension, which is empty when there is no dot; a leading dot belongs to the stem. */
export type Divided = readonly [stem: string, extension: string]

/** How our writer makes identifiers of one tree out of names. */
interface Rule {
  allowed(text: string): string
  /** Characters that stem and extension have together. */
  room(isDirectory: boolean, hasExtension: boolean): number
}

/** Of an extension, where a name is too long. */
const KEPT = 8

/** With less than that for its stem, a name gets a number only when its extension is cut too. */
const NUMBERED = 12

const PRIMARY: Rule = {
  allowed: (text) => text.replace(/[^A-Za-z0-9_]/gu, '_').toUpperCase(),
  room: (isDirectory) => (isDirectory ? 31 : 30),
}

const JOLIET: Rule = { allowed: jolietText, room: (_isDirectory, hasExtension) => (hasExtension ? 63 : 64) }

/** The identifiers our writer gives these children of one directory in the primary tree, without final dot and version. */
export function ourPrimaryNames(children: readonly Node[]): ReadonlyMap<Node, string> {
  return ourNames(children, PRIMARY)
}

/** Those it gives them in the Joliet tree. */
export function ourJolietNames(children: readonly Node[]): ReadonlyMap<Node, string> {
  return ourNames(children, JOLIET)
}

/** What Joliet and Windows forbid is replaced. */
export function jolietText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the characters to replace
  return text.replace(/[\u0000-\u001f\u007f*/:;?\\"<>|]|[\u{10000}-\u{10ffff}]/gu, '_')
}

export function divided(name: string, isDirectory: boolean): Divided {
  const dot = isDirectory ? 0 : name.lastIndexOf('.')
  return dot <= 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)]
}

/** As one text; Windows strips dots and spaces at the end of a name. */
export function joined(parts: Divided): string {
  const [stem, extension] = stripped(parts)
  return extension === '' ? stem : `${stem}.${extension}`
}

function stripped([stem, extension]: Divided): Divided {
  return extension === '' ? [strip(stem), ''] : [stem, strip(extension)]
}

/** With something else in place of what Windows strips. */
export function strip(text: string): string {
  return text.replace(/[. ]+$/, (tail) => '_'.repeat(tail.length))
}

/** In the order of the names: the first has what several want, the others the lowest number that makes a new name. */
function ourNames(children: readonly Node[], rule: Rule): ReadonlyMap<Node, string> {
  const ordered = children.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const wanted = ordered.map((node) => [node, cut(node, rule)] as const)
  const taken = new Set(wanted.map(([, parts]) => joined(parts)))
  const seen = new Set<string>()
  const names = new Map<Node, string>()
  // By the room and the name with number 1, which say what the others are: a hostile image may have a million alike.
  const nextNumbers = new Map<string, number>()
  for (const [node, parts] of wanted) {
    let name = joined(parts)
    if (seen.has(name)) {
      const key = `${beside(node, parts[1], rule).stemRoom} ${numbered(node, parts, 1, rule)}`
      let number = nextNumbers.get(key) ?? 1
      do name = numbered(node, parts, number++, rule)
      while (taken.has(name))
      nextNumbers.set(key, number)
      taken.add(name)
    }
    seen.add(name)
    names.set(node, name)
  }
  return names
}

function cut({ name, kind }: Node, { allowed, room }: Rule): Divided {
  const isDirectory = kind === 'directory'
  const [stem, extension] = divided(name, isDirectory).map(allowed) as [string, string]
  const most = room(isDirectory, extension !== '')
  if (stem.length + extension.length <= most) return [stem, extension]
  const kept = extension.slice(0, KEPT)
  return [stem.slice(0, most - kept.length), kept]
}

/** What a number leaves of the extension, and how long the stem with its number may be. */
function beside({ kind }: Node, extension: string, { room }: Rule): { kept: string; stemRoom: number } {
  const most = room(kind === 'directory', extension !== '')
  const kept = most - extension.length < NUMBERED ? extension.slice(0, KEPT) : extension
  return { kept, stemRoom: most - kept.length }
}

function numbered(node: Node, [stem, extension]: Divided, number: number, rule: Rule): string {
  const { kept, stemRoom } = beside(node, extension, rule)
  const suffix = `_${number}`
  return joined([stripped([stem, extension])[0].slice(0, stemRoom - suffix.length) + suffix, kept])
}

import { wideBytes } from './fields.ts'
import type { TreeNode } from './tree.ts'
import { compareCodeUnits } from './tree.ts'

/** A child of a directory under the identifier it has in one of the trees. */
export interface Identified {
  readonly node: TreeNode
  readonly identifier: Uint8Array
}

interface Distinct {
  readonly node: TreeNode
  readonly name: Name
  /** Stem and extension with the dot between them. */
  readonly text: string
}

interface Name {
  readonly stem: string
  /** Without the dot; '' when there is none. */
  readonly extension: string
}

/** How one of the trees makes names out of ours. */
interface Scheme {
  wanted(node: TreeNode): Name
  /** Characters the stem may have beside that extension. */
  stemRoom(node: TreeNode, extension: string): number
}

/** Extensions are kept up to this length when a name has to be cut. */
const KEPT_EXTENSION = 8

/** Characters of a stem below which a number and something of the name no longer fit. */
const ROOM_FOR_NUMBER = 12

/** Name and extension of a file together (ECMA-119 7.5.1), a directory identifier (7.6.3, 10.3). */
const PRIMARY_FILE = 30
const PRIMARY_DIRECTORY = 31

/** Characters of a Joliet identifier. */
const JOLIET_NAME = 64

const PRIMARY: Scheme = {
  wanted(node) {
    if (node.kind === 'directory') return { stem: dCharacters(node.name).slice(0, PRIMARY_DIRECTORY), extension: '' }
    return cut(splitAtLastDot(node.name), dCharacters, (extension) => PRIMARY_FILE - extension.length)
  },
  stemRoom: (node, extension) => (node.kind === 'directory' ? PRIMARY_DIRECTORY : PRIMARY_FILE) - extension.length,
}

const JOLIET: Scheme = {
  wanted(node) {
    const name = node.kind === 'directory' ? { stem: node.name, extension: '' } : splitAtLastDot(node.name)
    return keptByWindows(cut(name, jolietCharacters, jolietStemRoom))
  },
  stemRoom: (_node, extension) => jolietStemRoom(extension),
}

/**
 * The children under level-3 identifiers of d-characters, in the order of ECMA-119 9.3. The dot and the version are
 * always there for a file (7.5.1), never for a directory (7.6.1): what has no Rock Ridge, such as the ESXi installer,
 * finds `ks.cfg` as `KS.CFG;1`.
 */
export function primaryNames(children: Iterable<TreeNode>): Identified[] {
  const names = distinct([...children], PRIMARY)
  // Names are compared as if padded with spaces, then extensions: d-characters all sort after the space.
  names.sort(
    (a, b) => compareCodeUnits(a.name.stem, b.name.stem) || compareCodeUnits(a.name.extension, b.name.extension),
  )
  return names.map(({ node, name }) => {
    const text = node.kind === 'directory' ? name.stem : `${name.stem}.${name.extension};1`
    return { node, identifier: Buffer.from(text, 'latin1') }
  })
}

/**
 * The children under Joliet identifiers, in UCS-2 order and without `;1`, as genisoimage and xorriso write them. One
 * character that Windows does not like spoils the listing of the whole directory, so those are replaced. Symbolic links
 * are left out: Joliet has none, and an empty file would be a lie.
 */
export function jolietNames(children: Iterable<TreeNode>): Identified[] {
  const visible = [...children].filter((node) => node.kind !== 'symlink')
  const names = distinct(visible, JOLIET)
  names.sort((a, b) => compareCodeUnits(a.text, b.text))
  return names.map(({ node, text }) => ({ node, identifier: wideBytes(text) }))
}

/**
 * Gives every child a name of its own. The first in code unit order keeps the name that several want; the others get
 * the lowest of `_1`, `_2` … that is free, and no number takes a name that somebody has by itself.
 */
function distinct(children: TreeNode[], scheme: Scheme): Distinct[] {
  children.sort((a, b) => compareCodeUnits(a.name, b.name))
  const wanted = children.map((node) => {
    const name = scheme.wanted(node)
    return { node, name, text: joined(name) }
  })
  const taken = new Set(wanted.map(({ text }) => text))
  if (taken.size === wanted.length) return wanted
  const given = new Set<string>()
  const nextNumber = new Map<string, number>()
  return wanted.map((one) => {
    const { node, name } = one
    if (!given.has(one.text)) {
      given.add(one.text)
      return one
    }
    const extension = scheme.stemRoom(node, name.extension) < ROOM_FOR_NUMBER ? kept(name.extension) : name.extension
    const room = scheme.stemRoom(node, extension)
    const numbered = (number: number): Name => {
      const suffix = `_${number}`
      return keptByWindows({ stem: name.stem.slice(0, room - suffix.length) + suffix, extension })
    }
    // Names that are alike up to there share their numbers, whatever else is cut off.
    const series = `${room} ${joined(numbered(1))}`
    let number = nextNumber.get(series) ?? 1
    while (taken.has(joined(numbered(number)))) number++
    nextNumber.set(series, number + 1)
    const text = joined(numbered(number))
    taken.add(text)
    return { node, name: numbered(number), text }
  })
}

function joined(name: Name): string {
  return name.extension === '' ? name.stem : `${name.stem}.${name.extension}`
}

/** A leading dot belongs to the stem, as in `.profile`. */
function splitAtLastDot(name: string): Name {
  const dot = name.lastIndexOf('.')
  return dot <= 0 ? { stem: name, extension: '' } : { stem: name.slice(0, dot), extension: name.slice(dot + 1) }
}

function cut(name: Name, allowed: (text: string) => string, stemRoom: (extension: string) => number): Name {
  const stem = allowed(name.stem)
  const extension = allowed(name.extension)
  if (stem.length <= stemRoom(extension)) return { stem, extension }
  return { stem: stem.slice(0, stemRoom(kept(extension))), extension: kept(extension) }
}

function kept(extension: string): string {
  return extension.slice(0, KEPT_EXTENSION)
}

function jolietStemRoom(extension: string): number {
  return extension === '' ? JOLIET_NAME : JOLIET_NAME - extension.length - 1
}

/** Only A-Z, 0-9 and `_` (ECMA-119 7.4.1). ASCII alone is raised: other letters change case with the ICU version. */
function dCharacters(text: string): string {
  // A pair of surrogates is one character. The flag `u` says so too, and takes twice the time.
  return text.replace(/[\ud800-\udbff][\udc00-\udfff]|[^A-Za-z0-9_]/g, '_').toUpperCase()
}

/** Joliet forbids controls and `* / : ; ? \`, Windows cannot open names with `" < > |`; UCS-2 ends at the basic plane. */
function jolietCharacters(text: string): string {
  // Most names have nothing to replace.
  if (/^[\w .,()+=@~-]*$/.test(text)) return text
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the characters to replace
  return text.replace(/[\u0000-\u001f\u007f*/:;?\\"<>|]|[\u{10000}-\u{10ffff}]/gu, '_')
}

/** Windows strips dots and spaces at the end of a name, and then does not find it. */
function keptByWindows({ stem, extension }: Name): Name {
  return extension === '' ? { stem: endKept(stem), extension } : { stem, extension: endKept(extension) }
}

function endKept(text: string): string {
  return /[. ]$/.test(text) ? text.replace(/[. ]+$/, (tail) => '_'.repeat(tail.length)) : text
}

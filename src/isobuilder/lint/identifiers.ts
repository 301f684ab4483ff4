import { comparePadded } from './block.ts'
import type { Report } from './finding.ts'

/** How the records of one of the two trees are named and ordered. */
export interface Style {
  readonly kind: 'primary' | 'joliet'
  /** Text of an identifier, without its version. */
  nameOf(identifier: Buffer): string
  /** Order that the standard wants. */
  compare(a: Buffer, b: Buffer): number
  /** Order that other writers take for it. */
  compareRelaxed(a: Buffer, b: Buffer): number
  lint(report: Report, identifier: Buffer, isDirectory: boolean, offset: number, path: string): void
}

const DOT = 0x2e
const SEMICOLON = 0x3b
const SPACE = 0x20

/** ECMA-119 7.5, 7.6, 9.3. */
export const PRIMARY: Style = {
  kind: 'primary',
  nameOf: (identifier) =>
    identifier
      .toString('latin1')
      .replace(/;[0-9]+$/, '')
      .replace(/\.$/, '')
      .toLowerCase(),
  compare(a, b) {
    const [one, other] = [partsOf(a), partsOf(b)]
    return (
      comparePadded(one.name, other.name, SPACE) ||
      comparePadded(one.extension, other.extension, SPACE) ||
      other.version - one.version
    )
  },
  compareRelaxed: Buffer.compare,
  lint(report, identifier, isDirectory, offset, path) {
    const text = identifier.toString('latin1')
    const tell = (state: string) => report.add('identifier', offset, `the identifier ${state}`, path)
    if (isDirectory) {
      if (!/^[A-Z0-9_]+$/.test(text)) tell('of a directory has other characters than A-Z, 0-9 and _')
      if (text.length > 31) tell(`of a directory has ${text.length} characters, more than 31`)
      return
    }
    const [, name = '', extension = ''] = /^([^.;]*)\.([^.;]*);1$/.exec(text) ?? []
    if (`${name}.${extension};1` !== text) tell('is not a name, a dot, an extension and version 1')
    else if (!/^[A-Z0-9_]+$/.test(name + extension)) tell('has other characters than A-Z, 0-9 and _')
    else if (name.length + extension.length > 30) tell('has more than 30 characters')
  },
}

/** Joliet "File and directory identifiers". */
export const JOLIET: Style = {
  kind: 'joliet',
  nameOf: (identifier) => wideText(identifier).replace(/;[0-9]+$/, ''),
  compare: Buffer.compare,
  compareRelaxed(a, b) {
    const [one, other] = [wideParts(a), wideParts(b)]
    return comparePadded(one[0], other[0], 0) || comparePadded(one[1], other[1], 0)
  },
  lint(report, identifier, _isDirectory, offset, path) {
    const tell = (state: string) => report.add('joliet-identifier', offset, `the identifier ${state}`, path)
    if (identifier.length % 2 === 1) return tell('has an odd number of bytes')
    const text = JOLIET.nameOf(identifier)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the characters to find
    if (/[\u0000-\u001f*/:;?\\]/.test(text)) tell('has a character that Joliet forbids')
    if (/[. ]$/.test(text)) tell('ends in a dot or a space, which Windows strips')
    if (!text.isWellFormed() || /[\u{10000}-\u{10ffff}]/u.test(text)) {
      report.add('joliet-identifier-long', offset, 'the identifier has characters outside of UCS-2', path)
    }
    if (text.length > 64) {
      report.add('joliet-identifier-long', offset, `the identifier has ${text.length} characters, more than 64`, path)
    }
  },
}

/** Name, extension and version of an identifier; a missing one is empty (ECMA-119 7.5.1). */
function partsOf(identifier: Buffer): { name: Buffer; extension: Buffer; version: number } {
  const semicolon = identifier.lastIndexOf(SEMICOLON)
  const end = semicolon === -1 ? identifier.length : semicolon
  const dot = identifier.subarray(0, end).lastIndexOf(DOT)
  const version = semicolon === -1 ? 1 : Number(identifier.toString('latin1', semicolon + 1)) || 0
  return dot === -1
    ? { name: identifier.subarray(0, end), extension: Buffer.alloc(0), version }
    : { name: identifier.subarray(0, dot), extension: identifier.subarray(dot + 1, end), version }
}

function wideParts(identifier: Buffer): [Buffer, Buffer] {
  const text = wideText(identifier).replace(/;[0-9]+$/, '')
  const dot = text.lastIndexOf('.')
  const [name, extension] = dot === -1 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)]
  return [Buffer.from(name, 'utf16le').swap16(), Buffer.from(extension, 'utf16le').swap16()]
}

function wideText(identifier: Buffer): string {
  return Buffer.from(identifier.subarray(0, identifier.length & ~1))
    .swap16()
    .toString('utf16le')
}

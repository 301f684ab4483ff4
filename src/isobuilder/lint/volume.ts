import type { Block } from './block.ts'
import { BLOCK, be32, both16, both32, byteAt, le32, mustBeZero, part } from './block.ts'
import { isDescriptorDate } from './dates.ts'
import type { Report } from './finding.ts'

/** What a primary or a Joliet descriptor says (ECMA-119 8.4, 8.5). */
export interface Volume {
  readonly kind: 'primary' | 'joliet'
  readonly block: Block
  /** Of the whole volume. */
  readonly sectors: number
  readonly pathTableBytes: number
  /** First sectors of the path tables; the optional ones are 0 when there is none. */
  readonly tables: readonly { readonly order: 'little' | 'big'; readonly sector: number; readonly optional: boolean }[]
  readonly root: Block
  /** Text fields without their padding, by name. */
  readonly texts: ReadonlyMap<string, string>
}

/** Text fields: name, offset, length, characters (ECMA-119 8.4.5 to 8.4.25). */
const TEXTS = [
  ['system identifier', 8, 32, 'a'],
  ['volume identifier', 40, 32, 'd'],
  ['volume set identifier', 190, 128, 'd'],
  ['publisher identifier', 318, 128, 'a'],
  ['data preparer identifier', 446, 128, 'a'],
  ['application identifier', 574, 128, 'a'],
  ['copyright file', 702, 37, 'f'],
  ['abstract file', 739, 37, 'f'],
  ['bibliographic file', 776, 37, 'f'],
] as const

/** ECMA-119 7.4.1: d-characters, a-characters, and those of a file identifier. */
const CHARACTERS = {
  d: /^[A-Z0-9_]*$/,
  a: /^[A-Z0-9_ !"%&'()*+,\-./:;<=>?]*$/,
  f: /^[A-Z0-9_.;]*$/,
} as const

const DATES = [
  ['creation date', 813],
  ['modification date', 830],
  ['expiration date', 847],
  ['effective date', 864],
] as const

/** Fields that must be zero in both: unused ones and the reserved end (ECMA-119 8.4.4 to 8.4.33). */
const ZERO = [
  [72, 80],
  [882, 883],
  [1395, BLOCK],
] as const

/** Checks everything a descriptor says by itself. */
export function lintVolume(report: Report, block: Block, kind: Volume['kind']): Volume {
  for (const [from, to] of ZERO) mustBeZero(report, 'unused-field', part(block, from, to), `bytes ${from} to ${to - 1}`)
  if (kind === 'primary') {
    mustBeZero(report, 'unused-field', part(block, 7, 8), 'byte 7')
    mustBeZero(report, 'unused-field', part(block, 88, 120), 'bytes 88 to 119')
  } else lintJoliet(report, block)

  expect16(report, block, 120, 'volume-sequence', 'the number of volumes in the set', 1)
  expect16(report, block, 124, 'volume-sequence', 'the number of the volume in the set', 1)
  expect16(report, block, 128, 'block-size', 'the logical block size', BLOCK)
  if (byteAt(block, 881) !== 1) {
    report.add('structure-version', block.offset + 881, `the file structure version is ${byteAt(block, 881)}, not 1`)
  }
  for (const [what, at] of DATES) {
    if (!isDescriptorDate(block, at)) report.add('descriptor-date', block.offset + at, `the ${what} is no date`)
  }
  const sectors = both32(report, block, 80, 'the volume space size')
  return {
    kind,
    block,
    sectors,
    pathTableBytes: both32(report, block, 132, 'the path table size'),
    tables: [
      { order: 'little', sector: le32(block, 140), optional: false },
      { order: 'little', sector: le32(block, 144), optional: true },
      { order: 'big', sector: be32(block, 148), optional: false },
      { order: 'big', sector: be32(block, 152), optional: true },
    ],
    root: part(block, 156, 190),
    texts: new Map(
      TEXTS.map(([name, at, length, set]) => [name, lintText(report, block, kind, name, at, length, set)]),
    ),
  }
}

/** Says where the descriptors of the two trees differ that describe one volume. */
export function compareVolumes(report: Report, primary: Volume, joliet: Volume): void {
  const tell = (at: number, what: string) =>
    report.add(
      'volume-agreement',
      joliet.block.offset + at,
      `the ${what} is another one than in the primary descriptor`,
    )
  if (primary.sectors !== joliet.sectors) tell(80, 'volume space size')
  for (const [name, at, length] of TEXTS) {
    const [one = '', other = ''] = [primary.texts.get(name), joliet.texts.get(name)]
    // UCS-2 takes twice the room.
    if (one.slice(0, length >> 1).trimEnd() !== other) tell(at, name)
  }
  for (const [what, at] of DATES) {
    const equal = primary.block.bytes.subarray(at, at + 17).equals(joliet.block.bytes.subarray(at, at + 17))
    if (!equal) tell(at, what)
  }
}

/** No flags; "%/@", "%/C" or "%/E" and nothing behind it (Joliet "SVD Escape Sequences"). */
function lintJoliet(report: Report, block: Block): void {
  if (byteAt(block, 7) !== 0) report.add('joliet-escape', block.offset + 7, 'the volume flags are not 0')
  if (byteAt(block, 90) !== 0x45) report.add('joliet-level', block.offset + 90, 'the escape sequence is not %/E')
  mustBeZero(report, 'joliet-escape', part(block, 91, 120), 'what is behind the escape sequence')
}

function expect16(
  report: Report,
  block: Block,
  at: number,
  code: 'volume-sequence' | 'block-size',
  what: string,
  wanted: number,
): void {
  const value = both16(report, block, at, what)
  if (value !== wanted) report.add(code, block.offset + at, `${what} is ${value}, not ${wanted}`)
}

function lintText(
  report: Report,
  block: Block,
  kind: Volume['kind'],
  name: string,
  at: number,
  length: number,
  set: keyof typeof CHARACTERS,
): string {
  const field = block.bytes.subarray(at, at + length)
  const tell = (state: string) => report.add('descriptor-text', block.offset + at, `the ${name} ${state}`)
  if (kind === 'joliet' && length % 2 === 1 && field.at(-1) !== 0) tell('does not end in a byte 0')
  const wide = Buffer.from(field.subarray(0, length & ~1)).swap16()
  const whole = kind === 'joliet' ? wide.toString('utf16le') : field.toString('latin1')
  // Some writers pad with zeros.
  const text = whole.replace(kind === 'joliet' ? /[ \0]+$/ : / +$/, '')
  if (kind === 'primary' && !CHARACTERS[set].test(text)) tell(`has other characters than ${set}-characters`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the characters to find
  if (kind === 'joliet' && /[\u0000-\u001f]/.test(whole)) tell('has control characters')
  if (/^ | {3}/.test(text)) tell('has text behind its padding')
  return text
}

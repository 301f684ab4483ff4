import type { Block } from './block.ts'
import { both32, byteAt, part } from './block.ts'
import { isDescriptorDate, isRecordDate } from './dates.ts'
import type { Report } from './finding.ts'
import { symlinkTarget } from './rock-ridge-link.ts'
import type { SuspEntry } from './susp.ts'

/** What Rock Ridge says about one record. */
export interface RockRidge {
  readonly name: string | undefined
  readonly mode: number | undefined
  readonly links: number
  readonly owner: number
  readonly group: number
  /** Serial number or 36 bytes without one: 1.10 or 1.12. */
  readonly attributesBytes: number
  readonly target: string | undefined
  /** CL: the directory was moved to that sector. */
  readonly movedTo: number | undefined
  /** PL: the directory this one was taken from. */
  readonly parentAt: number | undefined
  /** RE: it was moved here. */
  readonly isMoved: boolean
  /** TF: flags and short dates as hexadecimal digits; undefined when there is none. */
  readonly times: { readonly flags: number; readonly dates: readonly string[] } | undefined
}

/** Type bits of a POSIX mode. */
export const MODE = { mask: 0o170000, directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const

/** Bytes; Linux drops a longer name (fs/isofs/rock.c), and a hostile one would be in the paths of all below it. */
const MAX_NAME = 253

/** Entries that stand once in a record. */
const SINGLE = ['SP', 'PX', 'TF', 'CL', 'PL', 'RE', 'PN']

/** Lengths of an entry: PX with or without a serial number (RRIP 1.12), the others fixed. */
const LENGTHS: Readonly<Record<string, readonly number[]>> = { PX: [36, 44], CL: [12], PL: [12], RE: [4], PN: [20] }

/** Reads and checks the Rock Ridge entries of one record (RRIP 4.1). */
export function lintRockRidge(report: Report, entries: readonly SuspEntry[], path: string, isDot: boolean): RockRidge {
  const seen = new Set<string>()
  for (const { signature, offset, bytes } of entries) {
    if (SINGLE.includes(signature) && seen.has(signature)) {
      report.add('rock-ridge', offset, `${signature} stands twice in one record`, path)
    }
    seen.add(signature)
    if (LENGTHS[signature]?.includes(bytes.length) === false) {
      report.add('rock-ridge', offset + 2, `${signature} has ${bytes.length} bytes`, path)
    }
  }
  const last = (signature: string) => entries.findLast((entry) => entry.signature === signature)
  const attributes = last('PX')
  const numbers = attributes === undefined ? undefined : posixAttributes(report, attributes, path, isDot)
  const sectorIn = (entry: SuspEntry | undefined) =>
    entry === undefined || entry.bytes.length < 12
      ? undefined
      : both32(report, entry, 4, 'the place of a directory', path)
  const times = last('TF')
  return {
    name: nameOf(report, entries, path),
    mode: numbers?.mode,
    links: numbers?.links ?? 0,
    owner: numbers?.owner ?? 0,
    group: numbers?.group ?? 0,
    attributesBytes: attributes?.bytes.length ?? 0,
    target: symlinkTarget(report, entries, path),
    movedTo: sectorIn(last('CL')),
    parentAt: sectorIn(last('PL')),
    isMoved: seen.has('RE'),
    times: times === undefined ? undefined : timesOf(report, times, path),
  }
}

/** PX (RRIP 4.1.1). */
function posixAttributes(report: Report, entry: SuspEntry, path: string, isDot: boolean) {
  if (entry.bytes.length < 36) return undefined
  const number = (at: number, what: string) => both32(report, entry, at, what, path)
  const mode = number(4, 'the mode')
  const type = mode & MODE.mask
  if (![0o040000, 0o100000, 0o120000, 0o020000, 0o060000, 0o010000, 0o140000].includes(type) || mode > 0o177777) {
    const code = isDot && mode === 0 ? 'rock-ridge-dot' : 'rock-ridge'
    report.add(code, entry.offset + 4, `the mode 0${mode.toString(8)} is of no kind of file`, path)
  }
  if (entry.bytes.length === 44) number(36, 'the serial number')
  return {
    mode,
    links: number(12, 'the number of links'),
    owner: number(20, 'the owner'),
    group: number(28, 'the group'),
  }
}

/** NM: flags, then text; all but the last say that the name goes on (RRIP 4.1.4). */
function nameOf(report: Report, entries: readonly SuspEntry[], path: string): string | undefined {
  const names = entries.filter(({ signature }) => signature === 'NM')
  if (names.length === 0) return undefined
  for (const [index, entry] of names.entries()) {
    const flags = byteAt(entry, 4)
    const wanted = index + 1 < names.length ? 1 : 0
    if (entry.bytes.length < 5) report.add('rock-ridge-name', entry.offset, 'NM has no flags', path)
    // Linux ignores a name with any other flag.
    else if (flags !== wanted) report.add('rock-ridge-name', entry.offset + 4, `NM has the flags ${flags}`, path)
  }
  const text = Buffer.concat(names.map(({ bytes }) => bytes.subarray(5)))
  const name = text.toString('utf8', 0, MAX_NAME)
  const isName = name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)
  if (!isName) report.add('rock-ridge-name', names[0]?.offset ?? 0, `the name ${JSON.stringify(name)} is no name`, path)
  if (text.length > MAX_NAME) {
    const state = `the name has ${text.length} bytes; Linux reads ${MAX_NAME}`
    report.add('rock-ridge-name', names[0]?.offset ?? 0, state, path)
  }
  return name
}

/** TF: a flag for each time, and long dates if the highest is set (RRIP 4.1.6). */
function timesOf(report: Report, entry: SuspEntry, path: string): { flags: number; dates: string[] } {
  const flags = byteAt(entry, 4)
  const isLong = (flags & 0x80) !== 0
  const bytes = isLong ? 17 : 7
  const count = [...(flags & 0x7f).toString(2)].filter((bit) => bit === '1').length
  if (entry.bytes.length !== 5 + count * bytes) {
    report.add('rock-ridge', entry.offset, `TF has ${entry.bytes.length} bytes for ${count} dates`, path)
    return { flags, dates: [] }
  }
  const at = Array.from({ length: count }, (_, index) => 5 + index * bytes)
  for (const from of at) {
    const isDate = isLong ? isDescriptorDate(entry, from) : isRecordDate(entry, from)
    if (!isDate) report.add('record-date', entry.offset + from, 'a time of TF is no date', path)
  }
  return { flags, dates: at.map((from) => entry.bytes.toString('hex', from, from + bytes)) }
}

/** Extensions that say "Rock Ridge", and the bytes of their PX (SUSP 5.5, RRIP 4.3). */
const EXTENSIONS: Readonly<Record<string, number>> = { RRIP_1991A: 36, IEEE_P1282: 44, IEEE_1282: 44 }

const TEXTS =
  'THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS' +
  'PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.'

/** "." of the root: SP first, and ER that names Rock Ridge (SUSP 5.3, 5.5). */
export function lintRootEntries(report: Report, systemUse: Block, entries: readonly SuspEntry[]): void {
  const tell = (state: string) => report.add('rock-ridge-missing', systemUse.offset, state, '')
  const sp = entries.find(({ signature }) => signature === 'SP')
  if (sp === undefined) tell('"." of the root has no SP')
  else if (sp !== entries[0]) report.add('susp-order', sp.offset, 'SP is not the first entry of "." of the root', '')
  if (sp !== undefined && sp.bytes.toString('hex', 2, 7) !== '0701beef00') {
    report.add('rock-ridge', sp.offset, 'SP is not 7 bytes with the check bytes BE EF and no skip', '')
  }
  const er = entries.find(({ signature }) => signature === 'ER')
  if (er === undefined) tell('"." of the root has no ER')
  else lintExtension(report, er, entries.find(({ signature }) => signature === 'PX')?.bytes.length ?? 0)
}

function lintExtension(report: Report, er: SuspEntry, attributesBytes: number): void {
  const [identifier, descriptor, source, version] = [4, 5, 6, 7].map((at) => byteAt(er, at)) as [
    number,
    number,
    number,
    number,
  ]
  const id = er.bytes.toString('latin1', 8, 8 + identifier)
  if (8 + identifier + descriptor + source !== er.bytes.length || version !== 1) {
    report.add('rock-ridge', er.offset + 4, 'the lengths in ER are not those of its texts, or its version is not 1', '')
  } else if (EXTENSIONS[id] === undefined) {
    report.add('rock-ridge', er.offset + 8, `ER names the extension ${JSON.stringify(id)}`, '')
  } else if (part(er, 8 + identifier).bytes.toString('latin1') !== TEXTS || descriptor !== 84) {
    report.add('rock-ridge-text', er.offset + 8, 'ER describes Rock Ridge in other words than the standard', '')
  }
  const wanted = EXTENSIONS[id]
  if (wanted !== undefined && attributesBytes !== wanted) {
    report.add('rock-ridge-text', er.offset, `PX has ${attributesBytes} bytes, ${id} has ${wanted}`, '')
  }
}

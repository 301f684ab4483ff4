import type { Block } from './block.ts'
import { BLOCK, both32, byteAt, mustBeZero, part } from './block.ts'
import type { Report } from './finding.ts'
import type { LintMedium } from './medium.ts'
import type { Space } from './space.ts'

/** What all checks of one image share. */
export interface Lint {
  readonly report: Report
  readonly medium: LintMedium
  readonly space: Space
  /** Sectors of the volume. */
  readonly sectors: number
}

/** One system use entry: signature, length, version, data (SUSP 4). */
export interface SuspEntry extends Block {
  readonly signature: string
}

/** Signatures of SUSP and Rock Ridge, and those of xorriso (AL) and of compressed files (ZF). */
const KNOWN = [
  'SP',
  'CE',
  'PD',
  'ST',
  'ER',
  'ES',
  'RR',
  'PX',
  'PN',
  'SL',
  'NM',
  'CL',
  'PL',
  'RE',
  'TF',
  'SF',
  'AL',
  'ZF',
]

/** RR_MAX_CE_ENTRIES of Linux counts the record itself too (fs/isofs/rock.c). */
const MAX_AREAS = 31

/** Entries of one record: those in it, then those of its continuation areas. */
export async function systemUseEntries(lint: Lint, systemUse: Block, path: string): Promise<SuspEntry[]> {
  const entries: SuspEntry[] = []
  let next: SuspEntry | undefined = collect(lint.report, systemUse, path, entries)
  for (let areas = 1; next !== undefined; areas++) {
    if (areas > MAX_AREAS) {
      lint.report.add('continuation', next.offset, `more than ${MAX_AREAS} continuation areas`, path)
      break
    }
    const area = await readArea(lint, next, path)
    next = area === undefined ? undefined : collect(lint.report, area, path, entries)
  }
  return entries
}

/** Adds the entries of one area and gives the CE entry that leads to the next. */
function collect(report: Report, area: Block, path: string, into: SuspEntry[]): SuspEntry | undefined {
  let continuation: SuspEntry | undefined
  let at = 0
  for (; at + 4 <= area.bytes.length && byteAt(area, at) !== 0; ) {
    const length = byteAt(area, at + 2)
    if (length < 4 || at + length > area.bytes.length) {
      report.add('susp-entry', area.offset + at, `a system use entry has ${length} bytes`, path)
      return continuation
    }
    const block = part(area, at, at + length)
    const entry = { ...block, signature: block.bytes.toString('latin1', 0, 2) }
    lintEntry(report, entry, path)
    if (continuation !== undefined) report.add('susp-order', continuation.offset, 'CE is not the last entry', path)
    at += length
    if (entry.signature === 'CE') continuation = entry
    else into.push(entry)
    if (entry.signature === 'ST') break
  }
  mustBeZero(report, 'susp-entry', part(area, at), 'what is behind the last system use entry', path)
  if (area.bytes.length - at > 1) {
    report.add('susp-padding', area.offset + at, `${area.bytes.length - at} bytes are behind the last entry`, path)
  }
  return continuation
}

function lintEntry(report: Report, entry: SuspEntry, path: string): void {
  const { signature, offset } = entry
  if (!KNOWN.includes(signature)) {
    report.add('susp-unknown', offset, `the system use entry ${JSON.stringify(signature)} is not known`, path)
  } else if (byteAt(entry, 3) !== 1 && signature !== 'ZF') {
    report.add('susp-entry', offset + 3, `${signature} has version ${byteAt(entry, 3)}, not 1`, path)
  }
}

/** An area lies inside one block of the volume, or Linux drops all Rock Ridge of the record (fs/isofs/rock.c). */
async function readArea(lint: Lint, entry: SuspEntry, path: string): Promise<Block | undefined> {
  const { report } = lint
  const tell = (state: string) => report.add('continuation', entry.offset, `CE ${state}`, path)
  if (entry.bytes.length !== 28) {
    tell(`has ${entry.bytes.length} bytes, not 28`)
    return undefined
  }
  const sector = both32(report, entry, 4, 'the sector of a continuation area', path)
  const from = both32(report, entry, 12, 'the offset of a continuation area', path)
  const size = both32(report, entry, 20, 'the size of a continuation area', path)
  if (from + size > BLOCK) tell(`leads to bytes ${from} to ${from + size} of a sector`)
  else if (sector >= lint.sectors) tell(`leads to sector ${sector} of ${lint.sectors}`)
  else if (size === 0) tell('leads to an area without bytes')
  else {
    const start = sector * BLOCK + from
    lint.space.take({ start, length: size, kind: 'metadata', what: `a continuation area of "/${path}"` })
    return lint.medium.block(start, size, 'a continuation area', path)
  }
  return undefined
}

import { SECTOR } from './constants.ts'
import { both32, unreadable } from './reader-medium.ts'

/** What Rock Ridge says about one record. */
export interface RockRidge {
  /** NM: the true name. */
  readonly name: string | undefined
  /** PX: type and permissions. */
  readonly mode: number | undefined
  /** SL: where a symbolic link points. */
  readonly target: string | undefined
  /** CL: this is a directory that was moved to that sector (RRIP 4.1.5.1). */
  readonly movedTo: number | undefined
  /** RE: this directory belongs elsewhere and is found there (RRIP 4.1.5.3). */
  readonly isMoved: boolean
}

/** Gives part of a sector. */
export type ReadArea = (sector: number, offset: number, size: number) => Promise<Buffer>

/** RR_MAX_CE_ENTRIES of Linux (fs/isofs/rock.c). */
const MAX_AREAS = 32

/** A path on Linux is not longer. */
const MAX_TEXT = 4096

/** How many bytes SUSP skips in each record, or undefined when the image has none; from "." of the root (SUSP 5.3). */
export function suspSkip(rootSystemUse: Buffer): number | undefined {
  for (const entry of entriesOf(rootSystemUse)) {
    const signature = signatureOf(entry)
    if (signature === 'SP' && entry.length >= 7 && entry[4] === 0xbe && entry[5] === 0xef) return entry[6]
    // Some writers forget SP; Linux, xorriso and bsdtar do not mind.
    if (signature === 'PX' || signature === 'RR') return 0
  }
  return undefined
}

/** Reads the system use entries of one record, with its continuation areas. @throws `iso-read` */
export async function readRockRidge(systemUse: Buffer, readArea: ReadArea): Promise<RockRidge> {
  const names: Buffer[] = []
  const links: Buffer[] = []
  let found: Omit<RockRidge, 'name' | 'target'> = { mode: undefined, movedTo: undefined, isMoved: false }

  let area: Buffer | undefined = systemUse
  for (let areas = 0; area !== undefined; areas++) {
    if (areas > MAX_AREAS) throw unreadable('the system use of a record goes on for ever')
    let next: Buffer | undefined
    for (const entry of entriesOf(area)) {
      const signature = signatureOf(entry)
      if (signature === 'NM' && entry.length >= 5) names.push(entry.subarray(4))
      else if (signature === 'SL' && entry.length >= 5) links.push(entry.subarray(5))
      else if (signature === 'PX' && entry.length >= 36) found = { ...found, mode: both32(entry, 4, 'a file mode') }
      else if (signature === 'CL' && entry.length >= 12) found = { ...found, movedTo: both32(entry, 4, 'a child link') }
      else if (signature === 'RE') found = { ...found, isMoved: true }
      else if (signature === 'CE' && entry.length >= 28) next = entry
    }
    area = next === undefined ? undefined : await readArea(...continuationOf(next))
  }
  return { ...found, name: nameOf(names), target: links.length === 0 ? undefined : targetOf(links) }
}

/** Entries up to the first that cannot be one: what follows is padding (SUSP 4). */
function* entriesOf(area: Buffer): Generator<Buffer> {
  for (let at = 0; at + 4 <= area.length; ) {
    const length = area[at + 2] ?? 0
    if (length < 4 || at + length > area.length) return
    const entry = area.subarray(at, at + length)
    if (signatureOf(entry) === 'ST') return
    yield entry
    at += length
  }
}

function signatureOf(entry: Buffer): string {
  return entry.toString('latin1', 0, 2)
}

function continuationOf(entry: Buffer): [number, number, number] {
  const sector = both32(entry, 4, 'a continuation area')
  const offset = both32(entry, 12, 'a continuation area')
  const size = both32(entry, 20, 'a continuation area')
  if (offset + size > SECTOR) throw unreadable('a continuation area leaves its sector')
  return [sector, offset, size]
}

/** NM entries: a byte of flags, then a part of the name; flags 2 and 4 stand for "." and ".." (RRIP 4.1.4). */
function nameOf(entries: readonly Buffer[]): string | undefined {
  const parts = entries.filter((entry) => ((entry[0] ?? 0) & 0x06) === 0).map((entry) => entry.subarray(1))
  return parts.length === 0 ? undefined : limited(Buffer.concat(parts))
}

/** Component records: flags, length, text (RRIP 4.1.3.1). */
function targetOf(entries: readonly Buffer[]): string {
  const parts: Buffer[] = []
  let bytes = 0
  let joins = true // nothing is before the first, and the component before may go on in this one
  for (const components of entries) {
    for (let at = 0; at + 2 <= components.length; ) {
      const flags = components[at] ?? 0
      const length = components[at + 1] ?? 0
      if (at + 2 + length > components.length) throw unreadable('a component of a symbolic link is cut off')
      const text = componentText(flags, components.subarray(at + 2, at + 2 + length))
      if (!joins) parts.push(SLASH)
      parts.push(text)
      const last: number | undefined = text.at(-1) ?? (joins ? undefined : SLASH[0])
      bytes += text.length + 1
      if (bytes > 2 * MAX_TEXT) throw unreadable(`a symbolic link has more than ${MAX_TEXT} bytes`)
      joins = (flags & 0x01) !== 0 || last === SLASH[0]
      at += 2 + length
    }
  }
  return limited(Buffer.concat(parts))
}

const SLASH = Buffer.from('/')

function componentText(flags: number, text: Buffer): Buffer {
  if ((flags & 0x02) !== 0) return Buffer.from('.')
  if ((flags & 0x04) !== 0) return Buffer.from('..')
  if ((flags & 0x08) !== 0) return Buffer.from('/')
  return text
}

function limited(text: Buffer): string {
  if (text.length > MAX_TEXT) throw unreadable(`a name has more than ${MAX_TEXT} bytes`)
  return text.toString('utf8')
}

import { SECTOR } from './constants.ts'
import { CE_BYTES, continuationEntry } from './rock-ridge.ts'

/**
 * Where entries go that found no room in their record (SUSP 5.1). An area lies inside one sector: Linux drops all Rock
 * Ridge of a record whose area does not (fs/isofs/rock.c, rock_continue). So entries that need more are a chain of areas.
 */
export interface Area {
  /** Counted from the first continuation sector of the directory. */
  readonly sector: number
  readonly offset: number
  /** Bytes, with the CE entry that leads to the next area. */
  readonly size: number
  readonly entries: readonly Buffer[]
}

/** System use of one record. */
export interface SystemUse {
  /** In the record itself, without the CE entry. */
  readonly inline: readonly Buffer[]
  /** In order; the record leads to the first, each leads to the next. */
  readonly areas: readonly Area[]
  /** Bytes in the record, with its CE entry. */
  readonly recordBytes: number
}

const NONE: readonly Area[] = []

export interface ContinuationSpace {
  /** Divides entries between a record that has `room` bytes for them and the areas. */
  divide(entries: readonly Buffer[], room: number): SystemUse
  /** Sectors in use. */
  sectors(): number
}

/** The continuation sectors of one directory, filled from the start. */
export function continuationSpace(): ContinuationSpace {
  let next = 0 // byte offset of the first free byte

  function place(entries: readonly Buffer[]): Area[] {
    const bytes = bytesOf(entries)
    const free = SECTOR - (next % SECTOR)
    // An area is not split needlessly: what fits a sector goes into one.
    if (bytes > free && next % SECTOR !== 0) next += free
    const count = bytes <= SECTOR ? entries.length : fitting(entries, SECTOR - CE_BYTES)
    const here = entries.slice(0, count)
    const rest = entries.slice(count)
    const size = bytesOf(here) + (rest.length > 0 ? CE_BYTES : 0)
    const area = { sector: Math.floor(next / SECTOR), offset: next % SECTOR, size, entries: here }
    next += size
    return rest.length > 0 ? [area, ...place(rest)] : [area]
  }

  return {
    divide(entries, room) {
      const bytes = bytesOf(entries)
      if (bytes <= room) return { inline: entries, areas: NONE, recordBytes: bytes }
      const count = fitting(entries, room - CE_BYTES)
      const inline = entries.slice(0, count)
      return { inline, areas: place(entries.slice(count)), recordBytes: bytesOf(inline) + CE_BYTES }
    },
    sectors: () => Math.ceil(next / SECTOR),
  }
}

/** The CE entry that leads to the first of `areas`, or nothing. It is the last entry: FreeBSD wants it so. */
export function leadTo(areas: readonly Area[], firstSector: number): Buffer[] {
  const [area] = areas
  return area === undefined ? [] : [continuationEntry(firstSector + area.sector, area.offset, area.size)]
}

/** Writes the areas of one record into the continuation sectors of its directory. */
export function putAreas(into: Buffer, areas: readonly Area[], firstSector: number): void {
  for (const [index, area] of areas.entries()) {
    const entries = [...area.entries, ...leadTo(areas.slice(index + 1), firstSector)]
    Buffer.concat(entries).copy(into, area.sector * SECTOR + area.offset)
  }
}

/** How many of the entries, from the first, fit `room` bytes. */
function fitting(entries: readonly Buffer[], room: number): number {
  let used = 0
  const over = entries.findIndex((entry) => {
    used += entry.length
    return used > room
  })
  return over === -1 ? entries.length : over
}

function bytesOf(entries: readonly Buffer[]): number {
  return entries.reduce((sum, entry) => sum + entry.length, 0)
}

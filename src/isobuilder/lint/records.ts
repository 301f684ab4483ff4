import type { Block } from './block.ts'
import { BLOCK, both16, both32, byteAt, mustBeZero, part } from './block.ts'
import { isRecordDate } from './dates.ts'
import type { Report } from './finding.ts'

/** A directory record as it stands (ECMA-119 9.1). */
export interface RawRecord extends Block {
  readonly sector: number
  /** Bytes of the content. */
  readonly length: number
  readonly flags: number
  /** Seven bytes as hexadecimal digits. */
  readonly date: string
  readonly identifier: Buffer
  readonly systemUse: Block
}

/** ECMA-119 9.1.6. */
export const FLAG = { hidden: 0x01, directory: 0x02, associated: 0x04, moreExtents: 0x80 } as const

/** Bytes before the identifier, and of a record with an identifier of one byte. */
const HEAD = 33
const SHORTEST = 34

/** The records of a directory, at most `limit` and those of one sector more; what is behind the last one of a sector is zero (ECMA-119 6.8.1.1). */
export function lintRecords(report: Report, directory: Block, path: string, limit: number): RawRecord[] {
  const records: RawRecord[] = []
  // Each takes 15 times its bytes of memory here; whoever asks reports the limit.
  for (let sector = 0; sector < directory.bytes.length && records.length <= limit; sector += BLOCK) {
    const block = part(directory, sector, sector + BLOCK)
    let at = 0
    for (; byteAt(block, at) !== 0 && at < block.bytes.length; ) {
      const record = lintRecord(report, part(block, at), path)
      if (record === undefined) break
      records.push(record)
      at += record.bytes.length
    }
    if (at === 0) report.add('directory-size', block.offset, 'a sector of the directory has no record', path)
    // A record that cannot be read has been reported; so is what follows it.
    if (byteAt(block, at) === 0)
      mustBeZero(report, 'unused-field', part(block, at), 'what is behind the last record', path)
  }
  return records
}

/** One record from the start of `rest`, the rest of its sector. */
export function lintRecord(report: Report, rest: Block, path: string): RawRecord | undefined {
  const length = byteAt(rest, 0)
  const identifierBytes = byteAt(rest, 32)
  if (length > rest.bytes.length) {
    report.add('record-crossing', rest.offset, `a record of ${length} bytes leaves its sector`, path)
    return undefined
  }
  const pad = (identifierBytes + 1) % 2
  if (length < SHORTEST || identifierBytes === 0 || HEAD + identifierBytes + pad > length || length % 2 === 1) {
    report.add('record-length', rest.offset, `a record has ${length} bytes, its identifier ${identifierBytes}`, path)
    return undefined
  }
  const block = part(rest, 0, length)
  const end = HEAD + identifierBytes
  mustBeZero(report, 'unused-field', part(block, end, end + pad), 'the pad byte of a record', path)
  lintFields(report, block, path)
  return {
    ...block,
    sector: both32(report, block, 2, 'the extent of a record', path),
    length: both32(report, block, 10, 'the data length of a record', path),
    flags: byteAt(block, 25),
    date: block.bytes.toString('hex', 18, 25),
    identifier: block.bytes.subarray(HEAD, end),
    systemUse: part(block, end + pad),
  }
}

function lintFields(report: Report, block: Block, path: string): void {
  const tell = (at: number, state: string) => report.add('record-field', block.offset + at, state, path)
  if (byteAt(block, 1) !== 0) tell(1, 'a record has an extended attribute record')
  if (!isRecordDate(block, 18)) report.add('record-date', block.offset + 18, 'the date of a record is no date', path)
  const flags = byteAt(block, 25)
  const known = FLAG.hidden | FLAG.directory | FLAG.associated | FLAG.moreExtents
  if ((flags & ~known) !== 0) tell(25, `a record has the flags 0x${flags.toString(16)}`)
  if ((flags & FLAG.directory) !== 0 && (flags & ~(FLAG.directory | FLAG.hidden)) !== 0) {
    tell(25, `a directory has the flags 0x${flags.toString(16)}`)
  } else if ((flags & (FLAG.hidden | FLAG.associated)) !== 0) {
    report.add('identifier', block.offset + 25, 'a record is hidden or associated', path)
  }
  if (byteAt(block, 26) !== 0 || byteAt(block, 27) !== 0) tell(26, 'a record is interleaved')
  const sequence = both16(report, block, 28, 'the volume sequence number')
  if (sequence !== 1) {
    report.add(
      'volume-sequence',
      block.offset + 28,
      `the volume sequence number of a record is ${sequence}, not 1`,
      path,
    )
  }
}

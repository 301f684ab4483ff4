import { crc32 } from 'node:zlib'
import type { Block } from './block.ts'
import { byteAt, le32, le64, mustBeZero, part } from './block.ts'
import type { FindingCode } from './finding.ts'
import type { Lint } from './susp.ts'

/** A partition of a GUID partition table; sectors of 512 bytes, both ends inclusive (UEFI 5.3.3). */
export interface Partition {
  /** As the bytes stand, in hexadecimal digits. */
  readonly type: string
  readonly first: number
  readonly last: number
  readonly offset: number
}

/** Sectors of a disk. */
export const SECTOR = 512

const SIGNATURE = 'EFI PART'
const HEADER_BYTES = 92
const ENTRY_BYTES = 128

/** C12A7328-F81F-11D2-BA4B-00A0C93EC93B as it stands on a disk (UEFI 5.3.3). */
export const EFI_SYSTEM = '28732ac11ff8d211ba4b00a0c93ec93b'

interface Header {
  readonly block: Block
  readonly other: number
  readonly firstUsable: number
  readonly lastUsable: number
  readonly guid: string
  readonly entriesAt: number
  readonly entriesBytes: number
  readonly entries: Block | undefined
}

/** Checks the table at sector 1 and its copy at the end; undefined when there is none. */
export async function lintGpt(lint: Lint): Promise<readonly Partition[] | undefined> {
  if (lint.medium.size < 34 * SECTOR) return undefined
  const block = await lint.medium.block(SECTOR, SECTOR, 'the partition table')
  if (block === undefined || block.bytes.toString('latin1', 0, 8) !== SIGNATURE) return undefined
  const header = await lintHeader(lint, block, 1, 'gpt')
  if (header === undefined) return []
  await lintBackup(lint, header)
  return lintEntries(lint, header)
}

/** One of the two headers with its entries (UEFI 5.3.2). */
async function lintHeader(lint: Lint, block: Block, own: number, code: FindingCode): Promise<Header | undefined> {
  const { report, space, medium } = lint
  const tell = (at: number, state: string) => report.add(code, block.offset + at, `the GPT header ${state}`)
  if (le32(block, 12) !== HEADER_BYTES) {
    tell(12, `has ${le32(block, 12)} bytes`)
    return undefined
  }
  space.take({ start: block.offset, length: HEADER_BYTES, kind: 'metadata', what: 'a GPT header' })
  const unsigned = Buffer.from(block.bytes.subarray(0, HEADER_BYTES))
  unsigned.fill(0, 16, 20)
  if (crc32(unsigned) !== le32(block, 16)) tell(16, 'has another checksum')
  if (le32(block, 8) !== 0x10000) tell(8, 'is of another revision')
  mustBeZero(report, code, part(block, 20, 24), 'the reserved field of a GPT header')
  if (le64(block, 24) !== own) tell(24, `says that it is in sector ${le64(block, 24)}, not ${own}`)
  const [count, bytes, entriesAt] = [le32(block, 80), le32(block, 84), le64(block, 72)]
  if (bytes !== ENTRY_BYTES || count < 4 || count > 1024) {
    tell(80, `has ${count} entries of ${bytes} bytes`)
    return undefined
  }
  const what = 'the GPT entries'
  const entries = await medium.block(entriesAt * SECTOR, count * bytes, what)
  if (entries !== undefined) {
    space.take({ start: entries.offset, length: count * bytes, kind: 'metadata', what })
    if (crc32(entries.bytes) !== le32(block, 88)) tell(88, 'has another checksum of the entries')
  }
  return {
    block,
    other: le64(block, 32),
    firstUsable: le64(block, 40),
    lastUsable: le64(block, 48),
    guid: block.bytes.toString('hex', 56, 72),
    entriesAt,
    entriesBytes: count * bytes,
    entries,
  }
}

/** The copy lies in the last sector of the image, behind its entries (UEFI 5.3.1). */
async function lintBackup(lint: Lint, header: Header): Promise<void> {
  const { report, medium } = lint
  const last = Math.floor(medium.size / SECTOR) - 1
  const tell = (offset: number, state: string) => report.add('gpt-backup', offset, state)
  if (header.other !== last)
    tell(header.block.offset + 32, `the backup GPT is in sector ${header.other} of ${last + 1}`)
  if (header.other > last) return
  const block = await medium.block(header.other * SECTOR, SECTOR, 'the backup partition table')
  if (block === undefined) return
  if (block.bytes.toString('latin1', 0, 8) !== SIGNATURE) return tell(block.offset, 'there is no backup GPT')
  const copy = await lintHeader(lint, block, header.other, 'gpt')
  if (copy === undefined) return
  const isCopy =
    copy.other === 1 &&
    copy.guid === header.guid &&
    copy.firstUsable === header.firstUsable &&
    copy.lastUsable === header.lastUsable
  if (!isCopy) report.add('gpt', block.offset, 'the backup GPT header says something else than the first')
  if (copy.entries !== undefined && header.entries !== undefined && !copy.entries.bytes.equals(header.entries.bytes)) {
    report.add('gpt', copy.entries.offset, 'the backup GPT has other entries')
  }
}

function lintEntries({ report, medium }: Lint, header: Header): Partition[] {
  const { block, entries, firstUsable, lastUsable } = header
  const tell = (offset: number, state: string) => report.add('gpt', offset, state)
  const behind = header.entriesAt + header.entriesBytes / SECTOR
  if (firstUsable < behind || lastUsable < firstUsable || lastUsable * SECTOR >= medium.size) {
    tell(block.offset + 40, `the usable sectors are ${firstUsable} to ${lastUsable}`)
  }
  if (/^0*$/.test(header.guid)) tell(block.offset + 56, 'the disk has no GUID')
  const found: Partition[] = []
  for (let at = 0; entries !== undefined && at < entries.bytes.length; at += ENTRY_BYTES) {
    const entry = part(entries, at, at + ENTRY_BYTES)
    const type = entry.bytes.toString('hex', 0, 16)
    if (/^0*$/.test(type)) {
      mustBeZero(report, 'gpt', entry, 'an unused GPT entry')
      continue
    }
    const [first, last] = [le64(entry, 32), le64(entry, 40)]
    if (first < firstUsable || last < first || last > lastUsable) {
      tell(entry.offset + 32, `partition ${at / ENTRY_BYTES + 1} has the sectors ${first} to ${last}`)
    }
    if (entry.bytes.subarray(16, 32).every((byte) => byte === 0)) tell(entry.offset + 16, 'a partition has no GUID')
    if (byteAt(entry, 127) !== 0 && byteAt(entry, 126) !== 0) tell(entry.offset + 126, 'a partition name has no end')
    found.push({ type, first, last, offset: entry.offset })
  }
  const sorted = found.toSorted((a, b) => a.first - b.first)
  for (const [index, { first, offset }] of sorted.entries()) {
    if (first <= (sorted[index - 1]?.last ?? -1)) tell(offset, 'two partitions overlap')
  }
  return found
}

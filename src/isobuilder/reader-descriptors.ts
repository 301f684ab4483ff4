import { DESCRIPTOR_TYPE, FIRST_DESCRIPTOR, SECTOR, STANDARD_IDENTIFIER } from './constants.ts'
import type { Medium, Section } from './reader-medium.ts'
import { both16, both32, checkInside, unreadable } from './reader-medium.ts'
import { parseRecord, ROOT_RECORD } from './reader-records.ts'

/** What the volume descriptors say. */
export interface Volumes {
  readonly label: string
  readonly volumeBytes: number
  /** Root directory of the primary tree, and of the Joliet tree when there is one. */
  readonly primaryRoot: Section
  readonly jolietRoot: Section | undefined
}

/** Linux looks no further (fs/isofs/inode.c, isofs_fill_super). */
const LAST_DESCRIPTOR = 99

/** Escape sequences of UCS-2 level 1, 2 and 3 (Joliet "SVD Escape Sequences"). */
const JOLIET_ESCAPES = ['%/@', '%/C', '%/E']

/** Reads descriptors up to the terminator. @throws `iso-read` */
export async function readDescriptors(medium: Medium): Promise<Volumes> {
  let primary: Buffer | undefined
  let joliet: Buffer | undefined
  for (let sector = FIRST_DESCRIPTOR; sector <= LAST_DESCRIPTOR; sector++) {
    const bytes = await medium.read(sector * SECTOR, SECTOR)
    if (!isDescriptor(bytes)) throw unreadable(`there is no volume descriptor in sector ${sector}`)
    if (bytes[0] === DESCRIPTOR_TYPE.primary) primary ??= bytes
    if (bytes[0] === DESCRIPTOR_TYPE.supplementary && isJoliet(bytes)) joliet ??= bytes
    if (bytes[0] === DESCRIPTOR_TYPE.terminator) return volumesOf(primary, joliet)
  }
  throw unreadable('the volume descriptors have no end')
}

/** Type and "CD001" (ECMA-119 8.1). */
export function isDescriptor(bytes: Buffer): boolean {
  return bytes.length === SECTOR && bytes.toString('latin1', 1, 6) === STANDARD_IDENTIFIER
}

/** Volume id of a primary volume descriptor, without its padding (ECMA-119 8.4.7). */
export function volumeIdOf(primary: Buffer): string {
  return primary.toString('latin1', 40, 72).replace(/[ \0]+$/, '')
}

function volumesOf(primary: Buffer | undefined, joliet: Buffer | undefined): Volumes {
  if (primary === undefined) throw unreadable('it has no primary volume descriptor')
  if (both16(primary, 128, 'the block size') !== SECTOR) throw unreadable(`its blocks are not of ${SECTOR} bytes`)
  const volumeBytes = both32(primary, 80, 'the size of the volume') * SECTOR
  return {
    label: volumeIdOf(primary),
    volumeBytes,
    primaryRoot: rootOf(primary, volumeBytes),
    jolietRoot: joliet === undefined ? undefined : rootOf(joliet, volumeBytes),
  }
}

function rootOf(descriptor: Buffer, volumeBytes: number): Section {
  const { sector, bytes } = parseRecord(descriptor.subarray(156, 156 + ROOT_RECORD), '')
  checkInside({ sector, bytes }, volumeBytes, 'the root directory')
  return { sector, bytes }
}

function isJoliet(supplementary: Buffer): boolean {
  return JOLIET_ESCAPES.includes(supplementary.toString('latin1', 88, 91))
}

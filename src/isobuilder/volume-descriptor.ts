import { DESCRIPTOR_TYPE, FLAG, SECTOR, STANDARD_IDENTIFIER } from './constants.ts'
import { putRecord, SELF } from './directory-record.ts'
import { putBoth16, putBoth32, putText, putUnsetDate, putWideText } from './fields.ts'

/** What the descriptor of one of the two trees says. */
export interface Volume {
  readonly label: string
  /** 128-bit identity of the content, as 32 upper-case hex digits. */
  readonly identity: string
  /** Sectors of the whole image. */
  readonly sectors: number
  readonly pathTableBytes: number
  readonly littleEndianTable: number
  readonly bigEndianTable: number
  readonly rootSector: number
  readonly rootBytes: number
}

/** Who prepared the image; without a version, so that a new release of the program gives the same bytes. */
const APPLICATION = 'PROVISIONER'

/** Escape sequence "%/E": UCS-2 level 3 (Joliet "SVD Escape Sequences"). */
const UCS2_LEVEL_3 = '%/E'

/** Creation, modification, expiration, effective (ECMA-119 8.4.26 to 8.4.29). */
const DATES = [813, 830, 847, 864] as const

/** 512 bytes for the application (ECMA-119 8.4.32). */
const APPLICATION_USE = 883

/** Primary volume descriptor (ECMA-119 8.4). Its application use is spaces, or implantisomd5 refuses the image. */
export function primaryDescriptor(volume: Volume): Buffer {
  const bytes = descriptor(DESCRIPTOR_TYPE.primary, volume, putText)
  bytes.fill(0x20, APPLICATION_USE, APPLICATION_USE + 512)
  return bytes
}

/**
 * Supplementary volume descriptor of the Joliet tree (ECMA-119 8.5). It begins with the label of 16 characters that
 * Windows shows. The identity stands in the application use too: Windows makes its serial number of this sector, and two
 * media of equal shape must not look like one to its cache.
 */
export function jolietDescriptor(volume: Volume): Buffer {
  const bytes = descriptor(DESCRIPTOR_TYPE.supplementary, volume, putWideText)
  bytes.write(UCS2_LEVEL_3, 88, 'latin1')
  bytes.write(volume.identity, APPLICATION_USE, 'hex')
  return bytes
}

/** ECMA-119 8.3. */
export function terminator(): Buffer {
  return header(DESCRIPTOR_TYPE.terminator)
}

type PutText = (into: Buffer, at: number, length: number, text: string) => void

function descriptor(type: number, volume: Volume, putTextField: PutText): Buffer {
  const bytes = header(type)
  for (const [at, length, text] of texts(volume)) putTextField(bytes, at, length, text)
  putBoth32(bytes, 80, volume.sectors)
  putBoth16(bytes, 120, 1) // volumes in the set
  putBoth16(bytes, 124, 1) // number of this one
  putBoth16(bytes, 128, SECTOR)
  putBoth32(bytes, 132, volume.pathTableBytes)
  bytes.writeUInt32LE(volume.littleEndianTable, 140)
  bytes.writeUInt32BE(volume.bigEndianTable, 148)
  const root = { sector: volume.rootSector, length: volume.rootBytes, flags: FLAG.directory }
  putRecord(bytes, 156, root, SELF, 0)
  for (const at of DATES) putUnsetDate(bytes, at)
  bytes[881] = 1 // file structure version
  return bytes
}

/** Text fields: offset, length, text (ECMA-119 8.4.5 to 8.4.25). The empty ones are padded too. */
function texts(volume: Volume): readonly (readonly [number, number, string])[] {
  return [
    [8, 32, ''], // system
    [40, 32, volume.label],
    [190, 128, volume.identity], // volume set
    [318, 128, ''], // publisher
    [446, 128, ''], // data preparer
    [574, 128, APPLICATION],
    [702, 37, ''], // copyright file
    [739, 37, ''], // abstract file
    [776, 37, ''], // bibliographic file
  ]
}

/** Type, "CD001", version 1 (ECMA-119 8.1). */
function header(type: number): Buffer {
  const bytes = Buffer.alloc(SECTOR)
  bytes[0] = type
  bytes.write(STANDARD_IDENTIFIER, 1, 'latin1')
  bytes[6] = 1
  return bytes
}

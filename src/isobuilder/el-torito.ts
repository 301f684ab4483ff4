import { DESCRIPTOR_TYPE, SECTOR, STANDARD_IDENTIFIER } from './constants.ts'

/** What the firmware starts: where it lies, and how many bytes it has. */
export interface BootImage {
  readonly sector: number
  readonly bytes: number
}

/** The boot entries of one medium. Old firmware starts `bios`, UEFI mounts `esp` as a FAT file system. */
export interface BootImages {
  readonly esp: BootImage
  readonly bios?: BootImage | undefined
}

const PLATFORM = { x86: 0, efi: 0xef } as const

/** Sector counts of the catalog are in units of 512 bytes (El Torito 1.0, 2.2, "Sector Count"). */
const UNIT = 512

/** What the BIOS loads of an image without emulation: its first 2 KiB, which load the rest. Every loader is built so. */
const BIOS_UNITS = 4

/** Boot record volume descriptor: names El Torito and points at the catalog (El Torito 1.0, figure 7). */
export function bootRecord(catalogSector: number): Buffer {
  const bytes = Buffer.alloc(SECTOR)
  bytes[0] = DESCRIPTOR_TYPE.boot
  bytes.write(STANDARD_IDENTIFIER, 1, 'latin1')
  bytes[6] = 1
  bytes.write('EL TORITO SPECIFICATION', 7, 'latin1')
  bytes.writeUInt32LE(catalogSector, 71)
  return bytes
}

/**
 * The boot catalog (El Torito 1.0 section 2). With a BIOS image that one is the initial entry and UEFI has a section of
 * its own; without, UEFI is the initial entry. In either case 96 bytes at most: edk2 looks at sixteen entries only.
 */
export function bootCatalog({ esp, bios }: BootImages): Buffer {
  const bytes = Buffer.alloc(SECTOR)
  putValidation(bytes, bios === undefined ? PLATFORM.efi : PLATFORM.x86)
  if (bios === undefined) {
    putEntry(bytes, 32, esp.sector, efiUnits(esp))
    return bytes
  }
  putEntry(bytes, 32, bios.sector, BIOS_UNITS)
  bytes.set([0x91, PLATFORM.efi], 64) // the last section header, of one entry
  bytes.writeUInt16LE(1, 66)
  putEntry(bytes, 96, esp.sector, efiUnits(esp))
  return bytes
}

/** 65,535 units are 32 MiB; 0 means up to the end of the medium, and that is how edk2 and xorriso treat larger images. */
function efiUnits({ bytes }: BootImage): number {
  const units = Math.ceil(bytes / UNIT)
  return units > 0xffff ? 0 : units
}

/** All 16-bit words of the validation entry add up to 0 (El Torito 1.0, figure 2). */
function putValidation(into: Buffer, platform: number): void {
  into[0] = 1
  into[1] = platform
  into.set([0x55, 0xaa], 30)
  let sum = 0
  for (let at = 0; at < 32; at += 2) sum += into.readUInt16LE(at)
  into.writeUInt16LE((0x10000 - (sum & 0xffff)) & 0xffff, 28)
}

/** A bootable entry without emulation (El Torito 1.0, figure 3). */
function putEntry(into: Buffer, at: number, sector: number, units: number): void {
  into[at] = 0x88
  into.writeUInt16LE(units, at + 6)
  into.writeUInt32LE(sector, at + 8)
}

/** Where the boot information table stands in a BIOS image, and where its checksum begins (mkisofs(8), -boot-info-table). */
const TABLE = { start: 8, end: 64 } as const

/** Bytes a BIOS image must have to carry the table. */
export const MIN_BIOS_BYTES = TABLE.end

/**
 * A copy of the image with the boot information table: where the primary descriptor is, where the image is, its length,
 * and the sum of its 32-bit words from byte 64 on. isolinux and GRUB find the rest of themselves by it.
 */
export function withBootInfo(image: Uint8Array, at: BootImage, primaryDescriptorSector: number): Buffer {
  const bytes = Buffer.from(image)
  const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
  let sum = 0
  for (let word = TABLE.end; word < padded.length; word += 4) sum = (sum + padded.readUInt32LE(word)) >>> 0
  bytes.fill(0, TABLE.start, TABLE.end)
  bytes.writeUInt32LE(primaryDescriptorSector, 8)
  bytes.writeUInt32LE(at.sector, 12)
  bytes.writeUInt32LE(bytes.length, 16)
  bytes.writeUInt32LE(sum, 20)
  return bytes
}

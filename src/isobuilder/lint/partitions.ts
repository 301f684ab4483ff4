import type { Block } from './block.ts'
import { BLOCK, byteAt, le32, part } from './block.ts'
import type { BootImage } from './el-torito.ts'
import { EFI } from './el-torito.ts'
import type { Partition } from './gpt.ts'
import { EFI_SYSTEM, lintGpt, SECTOR } from './gpt.ts'
import type { Lint } from './susp.ts'

/** Where an MBR has its four entries, and how long one is (UEFI 5.2.1). */
const ENTRIES = 446
const ENTRY_BYTES = 16
const SIGNATURE = 510
const PROTECTIVE = 0xee
/** First and last cylinder, head and sector of a protective entry (UEFI 2.10 table 5.4). */
const PROTECTIVE_CHS = '000200ffffff'

/** What makes the image start from a USB stick, and whether it is what El Torito starts from a CD. */
export async function lintPartitions(
  lint: Lint,
  images: readonly BootImage[],
): Promise<readonly Partition[] | undefined> {
  const mbr = await lint.medium.block(0, SECTOR, 'the MBR')
  const hasMbr = mbr !== undefined && byteAt(mbr, SIGNATURE) === 0x55 && byteAt(mbr, SIGNATURE + 1) === 0xaa
  const partitions = await lintGpt(lint)
  if (hasMbr) {
    lint.space.take({ start: ENTRIES, length: SECTOR - ENTRIES, kind: 'metadata', what: 'the MBR' })
    lintMbr(lint, mbr, partitions !== undefined)
  } else if (partitions !== undefined) lint.report.add('gpt', SIGNATURE, 'there is a GPT without a protective MBR')
  takeImages(lint, images, partitions ?? [])
  if (partitions !== undefined) compareWithElTorito(lint, images, partitions)
  else lintSystemSize(lint, images)
  return partitions
}

/** With a GPT: one entry of type EE from sector 1 over the whole image, and at most a dummy to please old BIOSes. */
function lintMbr({ report, medium }: Lint, mbr: Block, hasGpt: boolean): void {
  const sectors = medium.size / SECTOR
  const entries = [0, 1, 2, 3].map((index) =>
    part(mbr, ENTRIES + index * ENTRY_BYTES, ENTRIES + (index + 1) * ENTRY_BYTES),
  )
  for (const entry of entries) {
    const tell = (state: string) => report.add('mbr', entry.offset, `an MBR entry ${state}`)
    const [flags, type, first, count] = [byteAt(entry, 0), byteAt(entry, 4), le32(entry, 8), le32(entry, 12)]
    if (flags !== 0 && flags !== 0x80) tell(`has the flags 0x${flags.toString(16)}`)
    if (first + count > sectors && type !== PROTECTIVE) tell('leaves the image')
    const isDummy = type === 0 && flags === 0x80 && first === 0 && count === 1
    const chs = entry.bytes.toString('hex', 1, 4) + entry.bytes.toString('hex', 5, 8)
    if (type === PROTECTIVE && chs !== PROTECTIVE_CHS) tell(`protects the cylinders ${chs}`)
    if (type === 0 && !isDummy && entry.bytes.some((byte) => byte !== 0)) tell('of no type is not zero')
    if (type === PROTECTIVE && (first !== 1 || count !== Math.min(sectors - 1, 0xffffffff))) {
      tell(`protects sectors ${first} to ${first + count - 1} of ${sectors}`)
    }
    if (hasGpt && type !== PROTECTIVE && type !== 0) tell(`of type ${type.toString(16)} stands beside a GPT`)
  }
  const protective = entries.filter((entry) => byteAt(entry, 4) === PROTECTIVE).length
  if (hasGpt && protective !== 1) report.add('mbr', ENTRIES, `the MBR has ${protective} protective entries`)
}

/**
 * What the catalog and the table lead to is in use, also where no file names it. Without a partition and with a size of
 * 0 or 1 an image for UEFI goes up to the end of the volume, as edk2 takes it.
 */
function takeImages({ space, sectors }: Lint, images: readonly BootImage[], partitions: readonly Partition[]): void {
  for (const { platform, sector, blocks } of images) {
    if (platform !== EFI) continue
    const start = sector * BLOCK
    const partition = partitions.find(({ first }) => first * SECTOR === start)
    const length = partition === undefined ? blocks * SECTOR : (partition.last - partition.first + 1) * SECTOR
    if (partition !== undefined || blocks >= 2) space.take({ start, length, kind: 'content', what: 'a boot image' })
    else space.takeUpToNext(start, sectors * BLOCK, 'a boot image')
  }
}

/** Without a GPT nothing else says how large the system partition is: ours ends with the volume. */
function lintSystemSize({ report, sectors }: Lint, images: readonly BootImage[]): void {
  for (const { platform, sector, blocks, offset } of images) {
    const all = (sectors - sector) * (BLOCK / SECTOR)
    if (platform !== EFI || blocks === (all > 0xffff ? 0 : all)) continue
    report.add('boot-load', offset + 6, `the boot image for UEFI has ${blocks} blocks of ${all}`)
  }
}

/** Firmware takes the GPT on a disk and El Torito on a CD: both must lead to the same system partition. */
function compareWithElTorito({ report }: Lint, images: readonly BootImage[], partitions: readonly Partition[]): void {
  const systems = partitions.filter(({ type }) => type === EFI_SYSTEM)
  const efi = images.filter(({ platform }) => platform === EFI)
  for (const { first, last, offset } of systems) {
    const image = efi.find(({ sector }) => sector * BLOCK === first * SECTOR)
    if (image === undefined) {
      report.add('boot-agreement', offset, 'the system partition is no boot image of El Torito')
    } else if (image.blocks !== 0 && image.blocks !== last - first + 1) {
      report.add('boot-agreement', offset, 'the boot image of El Torito is not as large as the system partition')
    }
    if (image?.blocks === 0 && last - first + 1 <= 0xffff) {
      report.add('boot-agreement', image.offset + 6, 'El Torito does not say how large the system partition is')
    }
    if ((first * SECTOR) % BLOCK !== 0) report.add('gpt', offset, 'the system partition does not begin on a block')
  }
  for (const { sector, offset } of efi) {
    if (systems.some(({ first }) => first * SECTOR === sector * BLOCK)) continue
    report.add('boot-agreement', offset, 'the UEFI image of El Torito is no system partition')
  }
}

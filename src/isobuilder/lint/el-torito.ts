import type { Block } from './block.ts'
import { BLOCK, byteAt, le16, le32, mustBeZero, part } from './block.ts'
import type { Report } from './finding.ts'
import type { Tree } from './node.ts'
import type { Lint } from './susp.ts'

/** An image the catalog names. */
export interface BootImage {
  readonly platform: number
  readonly sector: number
  /** 512-byte blocks; 0 and 1 of a UEFI image: up to the end of the volume. */
  readonly blocks: number
  readonly offset: number
}

const ENTRY = 32
export const EFI = 0xef
const PLATFORMS = [0, 1, 2, EFI]
const BOOTABLE = 0x88

/** Blocks of every loader that is loaded without emulation; segment 0 stands for 7C0. */
const LOADED = 4

/** A loader is small; a checksum needs all of it in memory. */
const MAX_SUMMED = 32 * 1024 * 1024

/** Checks the boot catalog and gives the images it names (El Torito 2.0, 2.1 to 2.5). */
export async function lintBootCatalog(lint: Lint, sector: number): Promise<BootImage[]> {
  const { report } = lint
  if (sector >= lint.sectors || sector < 17) {
    report.add('boot-record', 17 * BLOCK + 71, `the boot catalog is in sector ${sector} of ${lint.sectors}`)
    return []
  }
  const catalog = await lint.medium.block(sector * BLOCK, BLOCK, 'the boot catalog')
  if (catalog === undefined) return []
  // It may be a file too.
  lint.space.take({ start: catalog.offset, length: BLOCK, kind: 'content', what: 'the boot catalog' })
  lintValidation(lint, part(catalog, 0, ENTRY))
  const images: BootImage[] = []
  lintImage(lint, part(catalog, ENTRY, 2 * ENTRY), byteAt(catalog, 1), images)
  let at = 2 * ENTRY
  for (let last = false; !last && at < BLOCK && [0x90, 0x91].includes(byteAt(catalog, at)); ) {
    const header = part(catalog, at, at + ENTRY)
    last = byteAt(header, 0) === 0x91
    const count = le16(header, 2)
    mustBeZero(report, 'unused-field', part(header, 4), 'the name of a section of the boot catalog')
    if (!PLATFORMS.includes(byteAt(header, 1)) || count === 0 || at + (1 + count) * ENTRY > BLOCK) {
      report.add('boot-catalog', header.offset, `a section of ${count} images for platform ${byteAt(header, 1)}`)
      return images
    }
    for (let index = 1; index <= count; index++) {
      lintImage(lint, part(catalog, at + index * ENTRY, at + (index + 1) * ENTRY), byteAt(header, 1), images)
    }
    at += (1 + count) * ENTRY
    if (!last && byteAt(catalog, at) === 0) report.add('boot-catalog', header.offset, 'no section is the last one')
  }
  mustBeZero(report, 'boot-catalog', part(catalog, at), 'what is behind the last image')
  return images
}

function lintValidation({ report }: Lint, entry: Block): void {
  const tell = (at: number, state: string) =>
    report.add('boot-catalog', entry.offset + at, `the validation entry ${state}`)
  if (byteAt(entry, 0) !== 1) tell(0, 'does not begin with 1')
  if (!PLATFORMS.includes(byteAt(entry, 1))) tell(1, `is for platform ${byteAt(entry, 1)}`)
  if (le16(entry, 2) !== 0) tell(2, 'has reserved bytes')
  if (byteAt(entry, 30) !== 0x55 || byteAt(entry, 31) !== 0xaa) tell(30, 'does not end in 55 AA')
  let sum = 0
  for (let at = 0; at < ENTRY; at += 2) sum += le16(entry, at)
  if (sum % 0x10000 !== 0) tell(28, 'has another checksum')
}

function lintImage(lint: Lint, entry: Block, platform: number, images: BootImage[]): void {
  const { report, sectors, medium } = lint
  const tell = (at: number, state: string) => report.add('boot-image', entry.offset + at, `a boot image ${state}`)
  const indicator = byteAt(entry, 0)
  // 0 is legal, and firmware passes such an entry by: nobody makes an image to have one.
  if (indicator !== BOOTABLE) tell(0, `has the indicator 0x${indicator.toString(16)}: nothing starts from it`)
  if (byteAt(entry, 1) > 4) tell(1, `has the media type ${byteAt(entry, 1)}`)
  else if (byteAt(entry, 1) !== 0) report.add('descriptor-unknown', entry.offset + 1, 'a boot image emulates a disk')
  if (platform === EFI && le16(entry, 2) !== 0) tell(2, 'for UEFI has a load segment')
  if (platform !== EFI && byteAt(entry, 1) === 0) lintLoading(report, entry)
  if (byteAt(entry, 5) !== 0) tell(5, 'has a reserved byte')
  mustBeZero(report, 'boot-image', part(entry, 12), 'the end of the entry of a boot image')
  if (byteAt(entry, 1) === 0 && byteAt(entry, 4) !== 0)
    report.add('unused-field', entry.offset + 4, 'the system type of a boot image is not 0')
  const [blocks, sector] = [le16(entry, 6), le32(entry, 8)]
  const end = sector * BLOCK + Math.max(1, blocks) * 512
  if (sector < 16 || end > Math.max(sectors * BLOCK, medium.size)) {
    tell(8, `of ${blocks} blocks in sector ${sector} leaves the medium`)
    return
  }
  if (end > sectors * BLOCK) report.add('boot-image-behind', entry.offset + 8, 'a boot image lies behind the volume')
  images.push({ platform, sector, blocks, offset: entry.offset })
}

/** A BIOS loads so much, to there, and starts it: the rest is the work of what was loaded (El Torito 2.2). */
function lintLoading(report: Report, entry: Block): void {
  const [segment, blocks] = [le16(entry, 2), le16(entry, 6)]
  if (blocks === 0) report.add('boot-image', entry.offset + 6, 'nothing of a boot image is loaded')
  if (segment === 0 && blocks === LOADED) return
  report.add('boot-load', entry.offset + 2, `${blocks} blocks of a boot image are loaded to segment ${segment}`)
}

/**
 * A boot info table names its own place and sum; one that was not made for this image is fatal to isolinux. Also takes
 * the bytes of a BIOS image that is no file: the catalog tells only how much of it is loaded at first.
 */
export async function lintBiosImages(lint: Lint, images: readonly BootImage[], tree: Tree | undefined): Promise<void> {
  const nodes = tree?.directories.flatMap(({ children }) => children) ?? []
  const files = new Map(nodes.map((node) => [node.sections[0]?.sector, node]))
  for (const { platform, sector } of images) {
    if (platform === EFI) continue
    const start = sector * BLOCK
    const head = await lint.medium.block(start, 64, 'a boot image')
    // The primary descriptor in sector 16 is what tells that there is a table.
    const hasTable = head !== undefined && le32(head, 8) === 16
    const bytes = files.get(sector)?.size ?? (hasTable ? le32(head, 16) : undefined)
    if (bytes === undefined) lint.space.takeUpToNext(start, lint.sectors * BLOCK, 'a boot image')
    else if (start + bytes > lint.sectors * BLOCK || bytes < 64) {
      lint.report.add('boot-info-table', start + 16, `the boot info table says that the image has ${bytes} bytes`)
    } else {
      lint.space.take({ start, length: bytes, kind: 'content', what: 'a boot image' })
      if (hasTable && bytes <= MAX_SUMMED) await lintBootInfo(lint, sector, bytes)
    }
  }
}

async function lintBootInfo(lint: Lint, sector: number, bytes: number): Promise<void> {
  const image = await lint.medium.block(sector * BLOCK, bytes, 'a boot image')
  if (image === undefined) return
  const tell = (at: number, state: string) =>
    lint.report.add('boot-info-table', image.offset + at, `the boot info table ${state}`)
  if (le32(image, 12) !== sector) tell(12, `names sector ${le32(image, 12)}, not ${sector}`)
  if (le32(image, 16) !== bytes) tell(16, `names ${le32(image, 16)} bytes, not ${bytes}`)
  let sum = 0
  for (let at = 64; at < bytes; at += 4) sum = (sum + le32(image, at)) % 0x1_0000_0000
  if (le32(image, 20) !== sum) tell(20, 'has another checksum')
  mustBeZero(lint.report, 'boot-info-table', part(image, 24, 64), 'the end of the boot info table')
}

import { sha256 } from '../shared/digest.ts'
import type { Problem } from '../shared/errors.ts'
import { FIRST_DESCRIPTOR, SECTOR } from './constants.ts'
import type { BootImages } from './el-torito.ts'
import { bootCatalog, MIN_BIOS_BYTES, withBootInfo } from './el-torito.ts'
import { sectorsOf } from './fields.ts'
import { BACKUP_BYTES, partitionTable } from './gpt.ts'
import type { BootSizes, Layout } from './layout.ts'
import type { Segment } from './segments.ts'
import type { Source } from './source.ts'

/** What firmware starts. Neither is a file of the volume. */
export interface BootOptions {
  /** FAT file system for UEFI: a multiple of 2048 bytes, placed at a multiple of 1 MiB. */
  readonly esp: Source
  readonly bios?: BiosOptions
}

/** For old firmware. As bytes, because its boot information table has a sum over them. */
export interface BiosOptions {
  /** isolinux.bin, or what grub-mkimage writes in the format `i386-pc-eltorito`. Not changed. */
  readonly image: Uint8Array
  /** Default true: the copy in the image gets the boot information table, which loaders find themselves by. */
  readonly bootInfoTable?: boolean
}

/** The options of `planIso` that this file decides about. */
export interface Bootable {
  readonly boot?: BootOptions
  readonly hybrid?: 'gpt' | 'none'
}

export function bootProblems({ boot, hybrid }: Bootable): Problem[] {
  const problem = (code: string, message: string): Problem => ({ path: '', code, message })
  if (boot === undefined) {
    if (hybrid !== 'gpt') return []
    return [problem('hybrid', 'Cannot write a partition table: the image has no boot partition to put into it')]
  }
  const problems: Problem[] = []
  const { size } = boot.esp
  if (!(size > 0 && size % SECTOR === 0)) {
    const message = `Cannot use the boot partition: it has ${size} bytes, and a multiple of ${SECTOR} is needed`
    problems.push(problem('esp-size', message))
  }
  const bios = boot.bios?.image.length
  if (bios !== undefined && bios < MIN_BIOS_BYTES) {
    problems.push(problem('bios-size', `Cannot use the BIOS image: it has ${bios} bytes, less than ${MIN_BIOS_BYTES}`))
  }
  return problems
}

/** What the layout has to find a place for; nothing when the image does not boot. */
export function bootSizes(options: Bootable): BootSizes | undefined {
  const { boot } = options
  if (boot === undefined) return undefined
  return { esp: boot.esp.size, bios: boot.bios?.image.length, tail: isHybrid(options) ? BACKUP_BYTES : 0 }
}

/**
 * What tells this boot code from another one, for the identity of the medium: the BIOS image as it lies there, with its
 * table and in whole sectors, so that a checker finds it without having the file.
 */
export function bootIdentity(layout: Layout, { boot, hybrid }: Bootable): unknown[] {
  if (boot === undefined) return []
  const bios = boot.bios && biosBytes(boot.bios, layout)
  return [hybrid ?? 'gpt', boot.esp.size, boot.esp.digest, ...(bios === undefined ? [] : [sha256(bios)])]
}

/** The copy that goes into the image. */
function biosBytes({ image, bootInfoTable = true }: BiosOptions, layout: Layout): Uint8Array {
  const padded = Buffer.alloc(sectorsOf(image.length) * SECTOR)
  const at = { sector: layout.boot?.bios ?? 0, bytes: image.length }
  padded.set(bootInfoTable ? withBootInfo(image, at, FIRST_DESCRIPTOR) : image)
  return padded
}

/** Partition table and boot catalog at the front, boot partition and second table at the end. */
export function bootSegments(
  layout: Layout,
  options: Bootable,
  identity: string,
): { front: Segment[]; end: Segment[] } {
  const { boot } = options
  const places = layout.boot
  if (boot === undefined || places === undefined) return { front: [], end: [] }
  const bios = boot.bios && { sector: places.bios ?? 0, bytes: boot.bios.image.length }
  const images: BootImages = { esp: { sector: places.esp, bytes: boot.esp.size }, bios }
  const start = places.esp * SECTOR
  const front = [bytesAt(places.catalog * SECTOR, bootCatalog(images))]
  if (boot.bios !== undefined && bios !== undefined) {
    front.push(bytesAt(bios.sector * SECTOR, biosBytes(boot.bios, layout)))
  }
  const end: Segment[] = [{ start, length: boot.esp.size, source: boot.esp, offset: 0 }]
  if (!isHybrid(options)) return { front, end }
  const size = layout.sectors * SECTOR
  const table = partitionTable(size, { start, bytes: boot.esp.size }, identity)
  return {
    front: [bytesAt(0, table.primary), ...front],
    end: [...end, bytesAt(size - table.backup.length, table.backup)],
  }
}

function isHybrid({ boot, hybrid }: Bootable): boolean {
  return boot !== undefined && (hybrid ?? 'gpt') === 'gpt'
}

function bytesAt(start: number, bytes: Uint8Array): Segment {
  return { start, length: bytes.length, bytes }
}

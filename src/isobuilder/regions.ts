import { SECTOR } from './constants.ts'
import type { ReadAt } from './reader.ts'
import { openIso } from './reader.ts'

/** What a run of bytes of a boot medium is for. */
export type RegionKind = 'header' | 'boot-record' | 'esp' | 'kernel' | 'root' | 'file' | 'task'

export interface Region {
  readonly kind: RegionKind
  /** Path of the file, or a word for what is no file. */
  readonly name: string
  /** Bytes; `end` is exclusive. */
  readonly start: number
  readonly end: number
}

/** The El Torito boot record has a place of its own (El Torito 1.0, 2.0). */
const BOOT_RECORD = 17

const KERNEL = /(^|\/)(vmlinuz|bzImage|linux|initrd|initramfs|[^/]*\.efi$)/i

/** Smaller files than this are no root image. */
const ROOT_BYTES = 1024 * 1024

/**
 * What each part of a boot image is, in order and without overlap; what is in none of them is `header`: descriptors,
 * tables, directories. Root images are the large files that are no kernel.
 * @throws `iso-read` when it is no ISO9660 image
 */
export async function imageRegions(readAt: ReadAt, size: number): Promise<readonly Region[]> {
  const image = await openIso(readAt)
  const files = (await image.contents()).flatMap(({ path, sections }) =>
    sections.map(({ sector, bytes }) => region(kindOf(path, bytes), path, sector * SECTOR, bytes)),
  )
  const boot = await bootRegions(readAt, size, files)
  const isBoot = ({ start }: Region) => boot.some((other) => start >= other.start && start < other.end)
  return [...boot, ...files.filter((file) => file.end > file.start && !isBoot(file))].sort((a, b) => a.start - b.start)
}

function region(kind: RegionKind, name: string, start: number, bytes: number): Region {
  return { kind, name, start, end: start + bytes }
}

function kindOf(path: string, bytes: number): RegionKind {
  if (KERNEL.test(path)) return 'kernel'
  return bytes >= ROOT_BYTES ? 'root' : 'file'
}

/** Boot record, catalog and the images it names. */
async function bootRegions(readAt: ReadAt, size: number, files: readonly Region[]): Promise<Region[]> {
  const record = Buffer.from(await readAt(BOOT_RECORD * SECTOR, SECTOR))
  if (record.toString('latin1', 1, 30) !== `CD001\x01EL TORITO SPECIFICATION`) return []
  const sector = record.readUInt32LE(71)
  const catalog = Buffer.from(await readAt(sector * SECTOR, SECTOR))
  const found = [
    region('boot-record', 'boot record', BOOT_RECORD * SECTOR, SECTOR),
    region('boot-record', 'boot catalog', sector * SECTOR, SECTOR),
  ]
  if (catalog.length < SECTOR) return found
  for (let at = 32; at < 256; at += 32) {
    // 0x88 is an image that boots, 0x90 and 0x91 head a section (El Torito 1.0, 2.2 and 2.3).
    if (catalog[at] !== 0x88) continue
    const start = catalog.readUInt32LE(at + 8) * SECTOR
    const units = catalog.readUInt16LE(at + 6)
    const file = files.find((each) => each.start === start)
    const next = files.find((each) => each.start > start)?.start ?? size
    const end = file?.end ?? (units > 4 ? start + units * 512 : next)
    if (start < size) found.push(...(await fatRegions(readAt, start, Math.min(end, size))))
  }
  return found
}

/** The front of a FAT file system is what the firmware mounts; behind it is what it starts. */
async function fatRegions(readAt: ReadAt, start: number, end: number): Promise<Region[]> {
  const sector = Buffer.from(await readAt(start, 512))
  const isFat = sector.length === 512 && sector[510] === 0x55 && sector[511] === 0xaa && sector.readUInt16LE(11) >= 512
  if (!isFat) return [{ kind: 'esp', name: 'boot image', start, end }]
  const bytes = sector.readUInt16LE(11)
  const tables = (sector[16] ?? 0) * (sector.readUInt16LE(22) || sector.readUInt32LE(36))
  const root = Math.ceil((sector.readUInt16LE(17) * 32) / bytes)
  const data = Math.min(end, start + (sector.readUInt16LE(14) + tables + root) * bytes)
  return [
    { kind: 'esp', name: 'boot partition', start, end: data },
    { kind: 'kernel', name: 'files of the boot partition', start: data, end },
  ]
}

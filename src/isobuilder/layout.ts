import { FIRST_DESCRIPTOR, SECTOR } from './constants.ts'
import { sectorsOf } from './fields.ts'
import type { Extent, PlannedDirectory } from './hierarchy.ts'
import { pathTableBytes } from './path-table.ts'
import type { DirectoryNode, FileNode } from './tree.ts'

/** One of the two trees, placed. Tables and extents are in sectors, counted from the start of the image. */
export interface TreeLayout {
  readonly directories: readonly PlannedDirectory[]
  readonly extents: ReadonlyMap<DirectoryNode, Extent>
  readonly pathTableBytes: number
  readonly littleEndianTable: number
  readonly bigEndianTable: number
}

export interface Layout {
  readonly primary: TreeLayout
  readonly joliet: TreeLayout
  /** Both trees point at the same contents. Empty files are not in there: they have no sector. */
  readonly files: ReadonlyMap<FileNode, Extent>
  readonly boot?: BootLayout
  /** Of the whole image. */
  readonly sectors: number
}

/** Where what the firmware reads lies; it is in no tree. */
export interface BootLayout {
  readonly catalog: number
  readonly bios?: number
  readonly esp: number
}

/** Bytes of what has to find a place beside the trees. */
export interface BootSizes {
  readonly esp: number
  readonly bios?: number | undefined
  /** Behind everything else. */
  readonly tail: number
}

/** Primary, Joliet, terminator. A boot record stands between the first two (El Torito: sector 17). */
const DESCRIPTORS = 3

/** Partitions begin at a MiB, as every partition program wants it; it suits flash memory too. */
const ESP_ALIGNMENT = (1024 * 1024) / SECTOR

/**
 * Decides where everything goes: descriptors, boot catalog, path tables, directories of the primary tree and of the Joliet
 * tree, files, boot partition. So what a mount reads lies together at the front. Pure.
 */
export function layoutImage(
  primary: readonly PlannedDirectory[],
  joliet: readonly PlannedDirectory[],
  boot?: BootSizes,
): Layout {
  let next = FIRST_DESCRIPTOR + DESCRIPTORS + (boot === undefined ? 0 : 1)
  const take = (sectors: number): number => {
    next += sectors
    return next - sectors
  }
  const front = boot === undefined ? undefined : placeFront(boot, take)
  const tables = [placeTables(primary, take), placeTables(joliet, take)] as const
  const extents = [placeDirectories(primary, take), placeDirectories(joliet, take)] as const
  const files = placeFiles(primary, take)
  const trees = {
    primary: { directories: primary, extents: extents[0], ...tables[0] },
    joliet: { directories: joliet, extents: extents[1], ...tables[1] },
  }
  if (boot === undefined || front === undefined) return { ...trees, files, sectors: next }
  take((ESP_ALIGNMENT - (next % ESP_ALIGNMENT)) % ESP_ALIGNMENT)
  const esp = take(sectorsOf(boot.esp))
  take(sectorsOf(boot.tail))
  return { ...trees, files, boot: { ...front, esp }, sectors: next }
}

/** Takes so many sectors and says which is the first. */
type Take = (sectors: number) => number

/** Old firmware reads these in a mode that reaches the first 4 GiB only. */
function placeFront({ bios }: BootSizes, take: Take): Omit<BootLayout, 'esp'> {
  const catalog = take(1)
  return bios === undefined ? { catalog } : { catalog, bios: take(sectorsOf(bios)) }
}

function placeTables(directories: readonly PlannedDirectory[], take: Take) {
  const bytes = pathTableBytes(directories.map(({ identifier }) => identifier))
  const sectors = sectorsOf(bytes)
  return { pathTableBytes: bytes, littleEndianTable: take(sectors), bigEndianTable: take(sectors) }
}

function placeDirectories(directories: readonly PlannedDirectory[], take: Take): Map<DirectoryNode, Extent> {
  const extents = new Map<DirectoryNode, Extent>()
  for (const { node, size, continuationSectors } of directories) {
    extents.set(node, { sector: take(size / SECTOR + continuationSectors), bytes: size })
  }
  return extents
}

function placeFiles(directories: readonly PlannedDirectory[], take: Take): Map<FileNode, Extent> {
  const extents = new Map<FileNode, Extent>()
  for (const { records } of directories) {
    for (const { node, section } of records) {
      if (node.kind !== 'file' || node.source.size === 0 || section > 0) continue
      extents.set(node, { sector: take(sectorsOf(node.source.size)), bytes: node.source.size })
    }
  }
  return extents
}

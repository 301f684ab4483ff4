import { realpath } from 'node:fs/promises'
import { formatBytes, parseByteSize } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import type { DiskSelector, Recipe } from '../../shared/recipe/schema.ts'
import { type Mountpoints, mountedAt, parseBlockDevices, planList } from './lsblk.ts'
import type { StepContext } from './step.ts'

/** A whole disk, as lsblk(8) tells of it. */
export interface Disk {
  /** Kernel name, or that of a mapping. */
  readonly name: string
  /** Of the disk and, for a mapping, of the paths below it: `dm-0`, `sdc`, `sdd`. What is protected is named so. */
  readonly kernelNames: readonly string[]
  readonly path: string
  readonly bytes: number
  /** Of a logical sector. */
  readonly sectorBytes: number
  readonly serial: string | undefined
  readonly wwn: string | undefined
  readonly model: string | undefined
  readonly bus: string
  readonly removable: boolean
  readonly readOnly: boolean
  /** What the kernel shows to be on it: mounts, swap, RAID, volume groups, mappings. */
  readonly inUse?: string
}

const COLUMNS = 'NAME,KNAME,PKNAME,PATH,TYPE,SIZE,LOG-SEC,SERIAL,WWN,MODEL,TRAN,RM,RO,MOUNTPOINTS'

/** The disk the recipe means, or an error that lists what there is. The media of this boot are never it. */
export async function findDisk(context: Pick<StepContext, 'recipe' | 'programs' | 'protectedDevices' | 'signal'>) {
  const { recipe, programs, protectedDevices, signal } = context
  const listing = await programs.read(planList(COLUMNS), signal)
  const named = recipe.target_disk ?? recipe.disk_selector?.path
  const real = named === undefined ? undefined : await realpath(named).catch(() => named)
  return chooseDisk(recipe, parseDisks(listing), protectedDevices, real)
}

/** Reads `lsblk --json --bytes --list`: whole disks and multipath mappings; the paths below a mapping are left out. */
export function parseDisks(listing: string): Disk[] {
  const blockdevices = parseBlockDevices<Row>(listing)
  const below = new Set(blockdevices.filter((row) => row.type === 'mpath').map((row) => row.pkname))
  const disks = new Map<string, Disk>()
  for (const row of blockdevices) {
    if ((row.type !== 'disk' || below.has(row.kname)) && row.type !== 'mpath') continue
    const paths = blockdevices.filter(({ name, type }) => type === 'mpath' && name === row.name)
    const kernelNames = [row.kname, ...paths.map(({ pkname }) => pkname)].filter((name) => name !== null)
    const inUse = usersOf(row, blockdevices).join(', ')
    disks.set(row.name, { ...diskOf(row), kernelNames, ...(inUse !== '' && { inUse }) })
  }
  return [...disks.values()].filter(({ name, bytes }) => bytes > 0 && !NO_DISK.test(name))
}

/** Nothing to install on: no hardware, or the boot, general purpose and RPMB areas of an eMMC, which lsblk shows as disks. */
const NO_DISK = /^((zram|ram|loop|nbd|fd)[0-9]|mmcblk[0-9]+(boot|gp|rpmb))/

interface Row {
  readonly name: string
  readonly kname: string
  readonly pkname: string | null
  readonly path: string
  readonly type: string
  readonly size: number | string
  readonly 'log-sec': number | string
  readonly serial: string | null
  readonly wwn: string | null
  readonly model: string | null
  readonly tran: string | null
  readonly rm: boolean | string
  readonly ro: boolean | string
  readonly mountpoints?: Mountpoints
}

/** What lies on a device, all the way up: mounts in this namespace, and everything that is neither disk nor partition. */
function usersOf(row: Row, rows: readonly Row[]): string[] {
  const above = rows.filter(({ pkname, name }) => pkname === row.kname && name !== row.name)
  const holders = above.filter(({ type }) => type !== 'part').map(({ path, type }) => `${path} (${type})`)
  const mounted = mountedAt(row.mountpoints).map((place) => `${row.path} (${place})`)
  return [...new Set([...mounted, ...holders, ...above.flatMap((next) => usersOf(next, rows))])]
}

function diskOf(row: Row): Omit<Disk, 'kernelNames'> {
  return {
    name: row.name,
    path: row.path,
    bytes: Number(row.size),
    sectorBytes: Number(row['log-sec']),
    serial: row.serial?.trim() || undefined,
    wwn: row.wwn ?? undefined,
    model: row.model?.trim() || undefined,
    bus: busOf(row),
    removable: isTrue(row.rm),
    readOnly: isTrue(row.ro),
  }
}

/** Older lsblk give no transport for virtio and SCSI disks without one. */
function busOf({ kname, tran }: Row): string {
  if (kname.startsWith('nvme')) return 'nvme'
  if (kname.startsWith('vd')) return 'virtio'
  if (kname.startsWith('mmcblk')) return 'mmc'
  return tran === null || tran === 'spi' || tran === '' ? 'scsi' : tran
}

/**
 * Exactly one disk, or an error. `real` is what the path of the recipe leads to.
 * @throws `disk-refused`
 */
export function chooseDisk(
  recipe: Recipe,
  disks: readonly Disk[],
  protectedDevices: readonly string[],
  real: string | undefined,
): Disk {
  const known = disks.map(describeDisk).join('; ') || 'no disk at all'
  const { target_disk: path, disk_selector: selector } = recipe
  if (path !== undefined) {
    const disk = disks.find((candidate) => isAt(candidate, real) || candidate.path === path)
    if (disk === undefined) throw refused(`Cannot find the disk "${path}": this server has ${known}`)
    return writable(disk, protectedDevices)
  }
  if (selector === undefined) throw refused('Cannot choose a disk: the recipe names none')
  const candidates = disks.filter(
    (disk) => !disk.removable && disk.bus !== 'usb' && !isProtected(disk, protectedDevices),
  )
  const matching = candidates.filter((disk) => matches(disk, selector, real))
  const [disk] = matching
  if (disk !== undefined && matching.length === 1) {
    // Counted before: of two that match, which one dies must not depend on what else holds the other in this boot.
    if (disk.inUse !== undefined) throw refused(`Cannot write ${describeDisk(disk)}`)
    return writable(disk, protectedDevices)
  }
  const wanted = JSON.stringify(selector)
  if (disk === undefined) throw refused(`Cannot find a disk that matches ${wanted}: this server has ${known}`)
  const several = matching.map(describeDisk).join('; ')
  throw refused(`Cannot choose a disk: ${matching.length} match ${wanted}: ${several}`)
}

/** `/dev/sda (20.0 GiB, scsi, QEMU HARDDISK, serial 123)` */
export function describeDisk(disk: Disk): string {
  const { path, bytes, bus, model, serial, wwn, inUse } = disk
  const names = [serial ? `serial ${serial}` : 'no serial', wwn && `wwn ${wwn}`]
  const facts = [formatBytes(bytes), bus, model, ...names, inUse && `in use by ${inUse}`]
  return `${path} (${facts.filter((fact) => fact !== undefined && fact !== '').join(', ')})`
}

/** Device node of a partition: the kernel puts a `p` after a digit, device-mapper's udev rules `-part`. */
export function partitionPath(disk: Pick<Disk, 'path'>, number: number): string {
  if (disk.path.startsWith('/dev/mapper/')) return `${disk.path}-part${number}`
  return /[0-9]$/.test(disk.path) ? `${disk.path}p${number}` : `${disk.path}${number}`
}

/** Links to a mapping lead to its kernel name, `/dev/dm-0`, and lsblk knows it by the other. */
function isAt({ path, kernelNames }: Disk, real: string | undefined): boolean {
  return real === path || real === `/dev/${kernelNames[0]}`
}

function isProtected({ kernelNames }: Disk, protectedDevices: readonly string[]): boolean {
  return kernelNames.some((name) => protectedDevices.includes(name))
}

function writable(disk: Disk, protectedDevices: readonly string[]): Disk {
  if (isProtected(disk, protectedDevices)) {
    throw refused(`Cannot write ${describeDisk(disk)}: the maintenance OS or the task medium is on it`)
  }
  if (disk.readOnly) throw refused(`Cannot write ${describeDisk(disk)}: it is read-only`)
  return disk
}

function matches(disk: Disk, selector: DiskSelector, real: string | undefined): boolean {
  const { serial, wwn, model, bus, path, size } = selector
  const [min, max] = [size?.min, size?.max].map((text) => (text === undefined ? undefined : parseByteSize(text)))
  return (
    (serial === undefined || disk.serial === serial) &&
    (wwn === undefined || bareWwn(disk.wwn) === bareWwn(wwn)) &&
    (model === undefined || disk.model === model) &&
    (bus === undefined || disk.bus === bus) &&
    (path === undefined || isAt(disk, real)) &&
    (min === undefined || disk.bytes >= min) &&
    (max === undefined || disk.bytes <= max)
  )
}

/** Written as `0x5000…`, `naa.5000…`, `eui.0025…` by different tools. */
function bareWwn(wwn: string | undefined): string | undefined {
  return wwn?.toLowerCase().replace(/^(0x|naa\.|eui\.|uuid\.)/, '')
}

/** Booleans since util-linux 2.33, "0" and "1" before. */
function isTrue(value: boolean | string): boolean {
  return value === true || value === '1'
}

function refused(message: string): AppError {
  return new AppError('disk-refused', message)
}

import type { Partition, Recipe } from './schema.ts'

/** UEFI specification 2.10, table 5.7: EFI System Partition. */
export const ESP_TYPE = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
/** Discoverable Partitions Specification: root partition, x86-64. */
export const ROOT_TYPE = '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709'
export const LINUX_TYPE = '0FC63DAF-8483-4772-8E79-3D69D8477DE4'
export const SWAP_TYPE = '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F'
/** A physical volume of LVM. */
export const LVM_TYPE = 'E6D6D379-F507-44C2-A23C-238F2A3DF928'
/** Microsoft basic data: what a NoCloud drive is. */
export const DATA_TYPE = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7'

/** Smaller ones mkfs refuses (xfsprogs since 5.19; btrfs-progs with its metadata twice). */
export const LEAST_BYTES: Readonly<Partial<Record<Partition['format'], number>>> = {
  xfs: 300 * 1024 ** 2,
  btrfs: 109 * 1024 ** 2,
}

/** cloud-init's NoCloud data source looks for this label, in either case. */
export function isCidata(label: string | null | undefined): boolean {
  return label?.toLowerCase() === 'cidata'
}

export function isConfigDrive(partition: Partition): boolean {
  return isCidata(partition.label)
}

/** Whether the recipe has something for cloud-init's NoCloud data source. */
export function wantsConfigDrive(recipe: Recipe): boolean {
  return [recipe.user_data, recipe.meta_data, recipe.network_config].some((text) => text !== undefined)
}

export function isEsp(partition: Partition): boolean {
  const type = partition.type_guid?.toUpperCase()
  return type === ESP_TYPE || (type === undefined && partition.format === 'vfat' && isEspMount(partition.mountpoint))
}

/**
 * Where each partition is mounted in the installed system. The specification's layouts have no mount points, so the ESP
 * goes to /boot/efi and the one Linux file system without a mount point becomes the root.
 */
export function mountpointsOf(layout: readonly Partition[]): readonly (string | undefined)[] {
  const hasRoot = layout.some((partition) => partition.mountpoint === '/')
  const candidates = layout.filter((partition) => partition.mountpoint === undefined && isLinuxFileSystem(partition))
  const typed = candidates.filter((partition) => partition.type_guid?.toUpperCase() === ROOT_TYPE)
  const root = hasRoot ? undefined : typed.length === 1 ? typed[0] : candidates.length === 1 ? candidates[0] : undefined
  return layout.map((partition) => {
    if (partition.mountpoint !== undefined) return partition.mountpoint
    if (partition === root) return '/'
    return isEsp(partition) ? '/boot/efi' : undefined
  })
}

function isLinuxFileSystem(partition: Partition): boolean {
  return partition.format === 'ext4' || partition.format === 'xfs' || partition.format === 'btrfs'
}

function isEspMount(mountpoint: string | undefined): boolean {
  return mountpoint === '/boot/efi' || mountpoint === '/efi' || mountpoint === '/boot'
}

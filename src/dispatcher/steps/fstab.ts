import type { Slot } from './layout.ts'

/** A partition and the UUID of what is on it. */
export interface Volume {
  readonly slot: Slot
  readonly uuid: string
}

/** fstab(5) of the installed system, by UUID: names of disks change with the order in which they are found. */
export function fstab(volumes: readonly Volume[]): string {
  const order = (slot: Slot) => (slot.mountpoint === '/' ? '' : (slot.mountpoint ?? '~'))
  const sorted = volumes.toSorted((a, b) => (order(a.slot) < order(b.slot) ? -1 : 1))
  const lines = sorted.map(({ slot, uuid }) => {
    const swap = slot.format === 'swap'
    const where = swap ? 'none' : (slot.mountpoint ?? '')
    return [`UUID=${uuid}`, where, slot.format, slot.mountOptions ?? defaultOptions(slot), '0', passOf(slot)].join(' ')
  })
  return `# Written by provisioner from the recipe's partition_layout.\n${lines.join('\n')}\n`
}

/** The ESP holds boot loaders and their secrets: for root alone, as distributions have it. */
function defaultOptions({ format }: Slot): string {
  return format === 'vfat' ? 'umask=0077,shortname=winnt' : format === 'swap' ? 'sw' : 'defaults'
}

/** xfs and btrfs check themselves when they are mounted (fsck.xfs(8), btrfs(5)). */
function passOf({ format, mountpoint }: Slot): string {
  if (format === 'vfat') return '2'
  if (format !== 'ext4') return '0'
  return mountpoint === '/' ? '1' : '2'
}

import { formatBytes, parseByteSize } from '../byte-size.ts'
import type { Problem } from '../errors.ts'
import { problem } from '../errors.ts'
import { ESP_TYPE, isConfigDrive, isEsp, LEAST_BYTES, mountpointsOf, wantsConfigDrive } from './roles.ts'
import type { Partition, Recipe } from './schema.ts'

/** mkfs refuses longer labels, after the disk was already wiped. */
const LABEL_LIMIT: Readonly<Record<Partition['format'], number>> = {
  vfat: 11,
  xfs: 12,
  ext4: 16,
  swap: 15,
  btrfs: 36,
  none: 36,
}

/** Disks are erased for a layout, so what cannot be made, mounted or booted of it is told before. Pure. */
export function checkLayout(recipe: Recipe): Problem[] {
  const layout = recipe.partition_layout
  if (layout === undefined) return []
  return [
    ...layout.flatMap(checkPartition),
    ...checkShares(layout),
    ...checkCount(layout, recipe),
    ...checkRoles(layout),
    ...checkUnique('mountpoint', mountpointsOf(layout)),
    ...checkUnique(
      'label',
      layout.map(({ label }) => label),
    ),
    ...(recipe.task_target === 'install-linux.target' ? checkBootable(layout) : []),
  ]
}

function checkPartition(partition: Partition, index: number): Problem[] {
  const at = `/partition_layout/${index}`
  const problems: Problem[] = []
  const { format, label, size, type_guid: type } = partition
  const limit = LABEL_LIMIT[format]
  if (label !== undefined && label.length > limit) {
    problems.push(problem(`${at}/label`, 'length', `"${label}" is longer than the ${limit} characters of ${format}`))
  }
  if (format === 'vfat' && label?.includes('.')) {
    problems.push(problem(`${at}/label`, 'characters', `"${label}" has a dot, which a label of vfat cannot have`))
  }
  const least = LEAST_BYTES[format] ?? 0
  // A share has no size before the disk is known.
  if ((parseByteSize(size) ?? least) < least) {
    problems.push(problem(`${at}/size`, 'range', `${size} is less than the ${formatBytes(least)} that ${format} needs`))
  }
  if (type !== undefined && /^[0-]+$/.test(type)) {
    problems.push(problem(`${at}/type_guid`, 'zero', 'a type of zeros means that there is no partition'))
  }
  if (partition.mountpoint !== undefined && (partition.format === 'swap' || partition.format === 'none')) {
    problems.push(
      problem(`${at}/mountpoint`, 'mount', `a partition with format "${partition.format}" cannot be mounted`),
    )
  }
  if (partition.mount_options !== undefined && partition.mountpoint === undefined) {
    problems.push(problem(`${at}/mount_options`, 'mount', 'options need a "mountpoint"'))
  }
  return problems
}

/** As many as a GPT has room for by default (UEFI 2.10 5.3.1); user-data gets one of its own. */
const MAX_PARTITIONS = 128

function checkCount(layout: readonly Partition[], recipe: Recipe): Problem[] {
  const added = wantsConfigDrive(recipe) && !layout.some(isConfigDrive) ? 1 : 0
  if (layout.length + added <= MAX_PARTITIONS) return []
  const text = `with the one for user-data there are more than ${MAX_PARTITIONS}: give one of them the label CIDATA`
  return [problem('/partition_layout', 'count', text)]
}

/** Roles follow from type, label and mount point, and each needs the file system that its reader expects. */
function checkRoles(layout: readonly Partition[]): Problem[] {
  const mountpoints = mountpointsOf(layout)
  return layout.flatMap((partition, index) => {
    const at = `/partition_layout/${index}`
    const { format, type_guid: type } = partition
    const problems: Problem[] = []
    if (type?.toUpperCase() === ESP_TYPE && format !== 'vfat') {
      problems.push(problem(`${at}/format`, 'esp', `an EFI system partition is "vfat", not "${format}"`))
    }
    if (mountpoints[index] === '/' && format === 'vfat') {
      problems.push(problem(`${at}/format`, 'root', 'the root is ext4, xfs or btrfs: vfat keeps no owners'))
    }
    if (isConfigDrive(partition) && (format !== 'vfat' || isEsp(partition) || mountpoints[index] !== undefined)) {
      // It is made anew, last of all, when everything else is in its place.
      const text = `"${partition.label}" is cloud-init's drive: a vfat partition of its own, mounted nowhere and no ESP`
      problems.push(problem(`${at}/label`, 'config-drive', text))
    }
    return problems
  })
}

/** Percentages are shares of what the fixed sizes leave, so together they cannot pass 100. */
function checkShares(layout: readonly Partition[]): Problem[] {
  let sum = 0
  for (const [index, { size }] of layout.entries()) {
    if (!size.endsWith('%')) continue
    sum += Number(size.slice(0, -1))
    if (sum > 100) {
      const text = `the shares add up to ${sum} %: a percentage is a share of what the fixed sizes leave, 100 % in all`
      return [problem(`/partition_layout/${index}/size`, 'range', text)]
    }
  }
  return []
}

function checkUnique(field: 'mountpoint' | 'label', values: readonly (string | undefined)[]): Problem[] {
  const first = new Map<string, number>()
  return values.flatMap((value, index) => {
    if (value === undefined) return []
    const before = first.get(value)
    first.set(value, before ?? index)
    if (before === undefined) return []
    return [
      problem(`/partition_layout/${index}/${field}`, 'duplicate', `"${value}" is used by partition ${before} already`),
    ]
  })
}

function checkBootable(layout: readonly Partition[]): Problem[] {
  const problems: Problem[] = []
  const roots = mountpointsOf(layout).filter((mountpoint) => mountpoint === '/').length
  if (roots === 0) {
    problems.push(problem('/partition_layout', 'root', 'no partition is the root: give one "mountpoint": "/"'))
  }
  if (layout.filter(isEsp).length !== 1) {
    const text = 'exactly one EFI system partition is needed: "format": "vfat" with "mountpoint": "/boot/efi"'
    problems.push(problem('/partition_layout', 'esp', text))
  }
  return problems
}

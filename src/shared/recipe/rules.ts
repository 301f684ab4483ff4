import { parseByteSize } from '../byte-size.ts'
import type { Problem } from '../errors.ts'
import { errorText } from '../errors.ts'
import { parseOciReference } from '../oci-reference.ts'
import { isEsp, mountpointsOf } from './roles.ts'
import { checkFirmware } from './rules-firmware.ts'
import { checkFiles, checkUnused, checkVerify } from './rules-image.ts'
import type { Partition, Recipe } from './schema.ts'

/** What each target cannot do without. A target that is not listed is a firmware target. */
const REQUIRED: Readonly<Record<string, readonly Need[]>> = {
  'install-linux.target': ['disk', 'oci_url', 'partition_layout'],
  'install-image.target': ['disk', 'oci_url'],
  'install-bootc.target': ['disk', 'oci_url'],
  'install-windows.target': ['disk', 'oci_url'],
  'install-esxi.target': ['ks_cfg'],
  'supermicro-update.target': ['firmware_url', 'firmware_tool'],
  'firmware-update.target': ['firmware_url', 'firmware_tool'],
}

type Need = 'disk' | 'oci_url' | 'partition_layout' | 'ks_cfg' | 'firmware_url' | 'firmware_tool'

/** mkfs refuses longer labels, after the disk was already wiped. */
const LABEL_LIMIT: Readonly<Record<Partition['format'], number>> = {
  vfat: 11,
  xfs: 12,
  ext4: 16,
  swap: 15,
  btrfs: 36,
  none: 36,
}

/** Texts are limited in characters by the schema and in bytes here: media have bytes. */
const BYTE_LIMITS = { unattend_xml: 1024 * 1024, ks_cfg: 256 * 1024, user_data: 1024 * 1024 } as const

/** What a schema cannot say. Pure; every problem at once. */
export function checkRules(recipe: Recipe): Problem[] {
  return [
    ...checkNeeds(recipe),
    ...checkDisk(recipe),
    ...checkSources(recipe),
    ...checkTexts(recipe),
    ...checkLayout(recipe),
    ...checkFirmware(recipe),
    ...checkVerify(recipe),
    ...checkFiles(recipe.files ?? []),
    ...checkUnused(recipe),
  ]
}

function checkNeeds(recipe: Recipe): Problem[] {
  const present: Readonly<Record<Need, boolean>> = {
    disk: recipe.target_disk !== undefined || recipe.disk_selector !== undefined,
    oci_url: recipe.oci_url !== undefined,
    partition_layout: recipe.partition_layout !== undefined,
    ks_cfg: recipe.ks_cfg !== undefined,
    firmware_url: recipe.firmware_url !== undefined,
    firmware_tool: recipe.firmware_tool !== undefined,
  }
  return (REQUIRED[recipe.task_target] ?? [])
    .filter((need) => !present[need])
    .map((need) => {
      const field = need === 'disk' ? 'target_disk' : need
      const either = need === 'disk' ? '"target_disk" or "disk_selector"' : `"${need}"`
      return problem(`/${field}`, 'required', `${either} is required for ${recipe.task_target}`)
    })
}

function checkDisk(recipe: Recipe): Problem[] {
  const problems: Problem[] = []
  if (recipe.target_disk !== undefined && recipe.disk_selector !== undefined) {
    problems.push(problem('/disk_selector', 'conflict', 'give either "target_disk" or "disk_selector", not both'))
  }
  const { min, max } = recipe.disk_selector?.size ?? {}
  if (min !== undefined && max !== undefined && (parseByteSize(min) ?? 0) > (parseByteSize(max) ?? 0)) {
    problems.push(problem('/disk_selector/size', 'range', `"min" (${min}) is larger than "max" (${max})`))
  }
  return problems
}

function checkSources(recipe: Recipe): Problem[] {
  return (['oci_url', 'firmware_url'] as const).flatMap((field) => {
    const url = recipe[field]
    if (url === undefined) return []
    if (!url.startsWith('oci://')) return checkUrl(field, url)
    try {
      parseOciReference(url)
      return []
    } catch (error) {
      return [problem(`/${field}`, 'reference', errorText(error))]
    }
  })
}

/** It is written to a file without secrets and shown in logs, and units cannot read a value that needs quotes. */
function checkUrl(field: string, url: string): Problem[] {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || /["'\\`]/.test(url)) return [problem(`/${field}`, 'url', 'is no URL without quotes')]
  if (parsed.username === '' && parsed.password === '') return []
  return [problem(`/${field}`, 'secret', 'has a user name or password in it, which would be shown in logs')]
}

function checkTexts(recipe: Recipe): Problem[] {
  return (Object.keys(BYTE_LIMITS) as (keyof typeof BYTE_LIMITS)[])
    .filter((field) => Buffer.byteLength(recipe[field] ?? '') > BYTE_LIMITS[field])
    .map((field) => problem(`/${field}`, 'size', `is larger than ${BYTE_LIMITS[field]} bytes`))
}

function checkLayout(recipe: Recipe): Problem[] {
  const layout = recipe.partition_layout
  if (layout === undefined) return []
  return [
    ...layout.flatMap(checkPartition),
    ...checkShares(layout),
    ...checkUnique(layout, 'mountpoint'),
    ...checkUnique(layout, 'label'),
    ...(recipe.task_target === 'install-linux.target' ? checkBootable(layout) : []),
  ]
}

function checkPartition(partition: Partition, index: number): Problem[] {
  const at = `/partition_layout/${index}`
  const problems: Problem[] = []
  const limit = LABEL_LIMIT[partition.format]
  if (partition.label !== undefined && partition.label.length > limit) {
    problems.push(
      problem(
        `${at}/label`,
        'length',
        `"${partition.label}" is longer than the ${limit} characters of ${partition.format}`,
      ),
    )
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

function checkUnique(layout: readonly Partition[], field: 'mountpoint' | 'label'): Problem[] {
  const first = new Map<string, number>()
  return layout.flatMap((partition, index) => {
    const value = partition[field]
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

function problem(path: string, code: string, message: string): Problem {
  return { path, code, message }
}

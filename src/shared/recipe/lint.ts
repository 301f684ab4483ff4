import type { Problem } from '../errors.ts'
import { parseOciReference } from '../oci-reference.ts'
import { IMAGE_TARGETS } from './rules-target.ts'
import type { Recipe } from './schema.ts'

/** What is allowed and yet seldom meant. Takes a valid recipe; warnings never stop a job. */
export function lintRecipe(recipe: Recipe): Problem[] {
  const warnings: Problem[] = []
  const { task_target: target, target_disk: disk, oci_url: url, user_data: userData, files = [] } = recipe
  if (!IMAGE_TARGETS.some((name) => name === target)) {
    const message = `the maintenance image of this version has no ${target}: the server would start for it and fail`
    warnings.push({ path: '/task_target', code: 'no-such-target', message })
  }
  if (disk !== undefined && /^\/dev\/(sd|vd|xvd|hd|nvme|mmcblk)/.test(disk)) {
    const message = `"${disk}" depends on the order in which disks are found: "disk_selector" or /dev/disk/by-id/… names the disk itself`
    warnings.push({ path: '/target_disk', code: 'unstable-disk', message })
  }
  if (url !== undefined && parseOciReference(url).digest === undefined && recipe.verify === undefined) {
    const message = 'a tag can be moved: add "@sha256:…" or "verify" to install exactly one content'
    warnings.push({ path: '/oci_url', code: 'moving-tag', message })
  }
  if (
    userData !== undefined &&
    !/^(#cloud-config|#!|#include|## template|Content-Type:|MIME-Version:)/.test(userData)
  ) {
    const message = 'cloud-init ignores user-data whose first line is not "#cloud-config", "#!" or a MIME header'
    warnings.push({ path: '/user_data', code: 'user-data-header', message })
  }
  if (target === 'install-linux.target' && userData === undefined) {
    warnings.push({ path: '/user_data', code: 'no-user-data', message: 'the installed system gets no user and no key' })
  }
  const cmdline = files.findIndex(({ path }) => path === '/etc/kernel/cmdline')
  if (target === 'install-linux.target' && cmdline !== -1) {
    const message =
      'an image with systemd-boot or with boot loader entries (Fedora and its kin) has it written over: use "kernel_arguments"'
    warnings.push({ path: `/files/${cmdline}/path`, code: 'file-replaced', message })
  }
  for (const [index, partition] of (recipe.partition_layout ?? []).entries()) {
    if (
      partition.format === 'vfat' &&
      partition.label !== undefined &&
      partition.label !== partition.label.toUpperCase()
    ) {
      const message = `the vfat label "${partition.label}" is stored in upper case`
      warnings.push({ path: `/partition_layout/${index}/label`, code: 'label-case', message })
    }
  }
  return warnings
}

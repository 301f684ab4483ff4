import { readdir, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'

/** Where sysfs and the device nodes are; tests give directories of their own. */
export interface DeviceRoots {
  readonly sys: string
  readonly dev: string
}

/** Names that are memory, loops or layers over other devices: never a medium. */
const VIRTUAL = /^(loop|ram|zram|dm-|md|nbd|fd)/

/**
 * Whole devices that may be a virtual or real medium: optical drives, and disks that are removable or on USB (a BMC may
 * show an image as either). Partitions are not in /sys/block, fixed disks are not looked at.
 */
export async function mediumCandidates(roots: DeviceRoots): Promise<string[]> {
  const directory = join(roots.sys, 'block')
  const names = (await readdir(directory)).filter((name) => !VIRTUAL.test(name)).sort()
  const candidates: string[] = []
  for (const name of names) {
    if (/^sr[0-9]+$/.test(name) || (await isRemovable(join(directory, name)))) candidates.push(join(roots.dev, name))
  }
  return candidates
}

async function isRemovable(device: string): Promise<boolean> {
  if ((await readText(join(device, 'removable'))) === '1') return true
  // The link leads through the bus: …/pci0000:00/…/usb1/1-2/…/block/sdb. A device that has just gone leads nowhere.
  return (await realpath(device).catch(() => '')).split('/').some((part) => /^usb[0-9]+$/.test(part))
}

/**
 * Block devices that something of the running system lies on, as kernel names (`sr0`, `sda1`): the boot medium, and what
 * is below a loop. None of them, nor the disk it is part of, may be written.
 */
export async function mountedDevices(mountinfo: string, sys: string): Promise<string[]> {
  const found = new Set<string>()
  for (const line of mountinfo.split('\n')) {
    // proc_pid_mountinfo(5): the third field is major:minor; major 0 has no device.
    const number = line.split(' ')[2] ?? ''
    if (!/^[1-9][0-9]*:[0-9]+$/.test(number)) continue
    const device = await realpath(join(sys, 'dev', 'block', number)).catch(() => undefined)
    if (device !== undefined) for (const name of await namesBelow(device)) found.add(name)
  }
  return [...found].sort()
}

/** The device, the disk it is a partition of, and everything a mapping lies on, down to the disks. */
async function namesBelow(device: string): Promise<string[]> {
  const name = device.split('/').at(-1) ?? ''
  const isPartition = (await readText(join(device, 'partition'))) !== undefined
  const slaves = await readdir(join(device, 'slaves')).catch(() => [])
  const below = await Promise.all(
    // A slave is a link to its device; one that cannot be followed still has its name.
    slaves.map(async (slave) => realpath(join(device, 'slaves', slave)).then(namesBelow, () => [slave])),
  )
  return [name, ...(isPartition ? [device.split('/').at(-2) ?? ''] : []), ...below.flat()]
}

/** The trimmed content of a sysfs attribute; undefined when it is not there. */
export async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  )
}

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command, Programs } from '../../shared/exec.ts'
import type { Disk } from './disk.ts'
import { partitionPath } from './disk.ts'
import type { Slot } from './layout.ts'

/** Where a step puts the new system together: inside its own mount namespace, so nothing else sees it. */
export const NEW_ROOT = '/mnt/provision'

export interface Mount {
  readonly directory: string
  readonly command: Command
}

/** The file systems of the new system, parents before children. The recipe's mount options are for its fstab only. */
export function planMounts(disk: Pick<Disk, 'path'>, slots: readonly Slot[], root: string): readonly Mount[] {
  const mounted = slots.filter((slot): slot is Slot & { mountpoint: string } => slot.mountpoint !== undefined)
  const depth = (path: string) => (path === '/' ? 0 : path.split('/').length)
  const order = mounted.toSorted((a, b) => depth(a.mountpoint) - depth(b.mountpoint))
  return order.map(({ number, mountpoint, format }) => {
    const directory = mountpoint === '/' ? root : join(root, mountpoint)
    // vfat has no owners: `quiet` lets tar set what cannot be set (mount(8)).
    const options = format === 'vfat' ? ['-o', 'quiet,umask=0022'] : []
    return { directory, command: { argv: ['mount', '-t', format, ...options, partitionPath(disk, number), directory] } }
  })
}

/** Waits until the file systems are on their disk, and tells a write that failed, as umount(8) does not (syncfs(2)). */
export function planSync(directories: readonly string[]): Command {
  return { argv: ['sync', '--file-system', ...directories] }
}

/**
 * Mounts, runs `use`, and unmounts whatever happened. A failure to write or to unmount is an error of its own only when all went well:
 * data that is not on the disk was not installed.
 */
export async function withMounts<T>(
  mounts: readonly Mount[],
  root: string,
  programs: Programs,
  signal: AbortSignal,
  use: () => Promise<T>,
): Promise<T> {
  let result: T
  try {
    for (const { directory, command } of mounts) {
      await mkdir(directory, { recursive: true, mode: 0o755 })
      await programs.run(command, signal)
    }
    result = await use()
    await programs.run(planSync(mounts.map(({ directory }) => directory)), signal)
  } catch (error) {
    // The namespace ends with the container, so this only helps a step that is run by hand. The first error stays.
    const limit = AbortSignal.timeout(10_000)
    await programs.read({ argv: ['umount', '--recursive', '--lazy', root] }, limit).catch(() => '')
    throw error
  }
  await programs.run({ argv: ['umount', '--recursive', root] }, signal)
  return result
}

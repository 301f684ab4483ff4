import { AppError } from '../../shared/errors.ts'
import type { Command, Programs } from '../../shared/exec.ts'

/** What to run to make a file system as large as its partition: on the device, and then on where it is mounted. */
export interface GrowPlan {
  readonly unmounted: readonly Command[]
  readonly mounted: readonly Command[]
}

/** e2fsck(8): 1 says that errors were corrected, as after an image that was taken of a running machine. */
const E2FSCK_CORRECTED = 1

/** @throws `step-failed` for what cannot be grown: it was asked for, so it is not passed over */
export function planGrowFileSystem(device: string, type: string | undefined, mounted: string): GrowPlan {
  switch (type) {
    case 'ext2':
    case 'ext3':
    case 'ext4':
      return {
        unmounted: [
          // resize2fs demands a check first.
          { argv: ['e2fsck', '-f', '-p', device], goodCodes: [0, E2FSCK_CORRECTED] },
          { argv: ['resize2fs', device] },
        ],
        mounted: [],
      }
    case 'xfs':
      return { unmounted: [], mounted: [{ argv: ['xfs_growfs', mounted] }] }
    case 'btrfs':
      return { unmounted: [], mounted: [{ argv: ['btrfs', 'filesystem', 'resize', 'max', mounted] }] }
    default: {
      const message = `Cannot grow ${device}: it holds ${type ?? 'no file system'}, and ext4, xfs and btrfs can grow`
      throw new AppError('step-failed', message)
    }
  }
}

/** The type, as blkid(8) finds it on the device itself; undefined when there is none. */
export async function probeFileSystem(
  device: string,
  programs: Programs,
  signal: AbortSignal,
): Promise<string | undefined> {
  // 2: nothing was found.
  const said = await programs.read(
    { argv: ['blkid', '--probe', '--output', 'export', device], goodCodes: [0, 2] },
    signal,
  )
  return /^TYPE=(.*)$/m.exec(said)?.[1]
}

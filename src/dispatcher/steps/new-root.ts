import { lstat, mkdir, realpath, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { hasCode } from '../../shared/system-error.ts'

/**
 * Where a file of the new system is to be written, its directory made. Links in the image are meant for the system that
 * will run from it; seen from here an absolute one leads to a file, or a disk, of the maintenance OS. A link in the place of
 * the file itself is removed when it does, a directory that does is refused.
 * @throws `step-failed`
 */
export async function placeIn(root: string, path: string): Promise<string> {
  const inside = await realpath(root)
  let directory = inside
  for (const name of dirname(path).split('/')) {
    const next = join(directory, name)
    await mkdir(next, { mode: 0o755 }).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error
    })
    directory = await realpath(next).catch(() => '/')
    if (directory === inside || directory.startsWith(`${inside}/`)) continue
    const state = `/${dirname(path)} of the image is a link that leads out of it`
    throw new AppError('step-failed', `Cannot write /${path}: ${state}`)
  }
  const place = join(directory, basename(path))
  if (!(await lstat(place).catch(() => undefined))?.isSymbolicLink()) return place
  const target = await realpath(place).catch(() => '')
  if (target.startsWith(`${inside}/`)) return target
  await rm(place)
  return place
}

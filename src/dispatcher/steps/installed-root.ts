import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import type { InstalledFile } from '../../shared/recipe/schema.ts'
import { ostreePlace, placeFiles } from './files.ts'

/** Where the root may be in the file system that was mounted: itself, or the subvolumes that Fedora and openSUSE make. */
const ROOTS = ['.', 'root', '@', '@rootfs'] as const

/** Writes the files into the system on the mounted file system; false when there is none on it. @throws `step-failed` */
export async function placeInInstalled(mounted: string, files: readonly InstalledFile[]): Promise<boolean> {
  const deployment = await findDeployment(mounted)
  if (deployment !== undefined) {
    await placeFiles(
      mounted,
      files.map((file) => ({ ...file, path: ostreePlace(file.path, deployment) })),
    )
    return true
  }
  for (const root of ROOTS) {
    const directory = join(mounted, root)
    if (!(await areDirectories(directory, ['etc', 'usr']))) continue
    await placeFiles(directory, files)
    return true
  }
  return false
}

/** `ostree/deploy/OS/deploy/CHECKSUM.SERIAL`; a new image has one. @throws `step-failed` */
async function findDeployment(mounted: string) {
  const systems = await readdir(join(mounted, 'ostree/deploy')).catch(() => [])
  const found: { directory: string; variable: string }[] = []
  for (const system of systems) {
    const at = join('ostree/deploy', system)
    const names = await readdir(join(mounted, at, 'deploy')).catch(() => [])
    for (const name of names.filter((name) => /^[0-9a-f]{64}\.[0-9]+$/.test(name))) {
      found.push({ directory: join(at, 'deploy', name), variable: join(at, 'var') })
    }
  }
  if (found.length <= 1) return found[0]
  throw new AppError('step-failed', `Cannot write files into the image: it has ${found.length} ostree deployments`)
}

async function areDirectories(root: string, names: readonly string[]): Promise<boolean> {
  const kinds = await Promise.all(names.map((name) => stat(join(root, name)).catch(() => undefined)))
  return kinds.every((kind) => kind?.isDirectory())
}

import { chmod, chown, lstat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { fileContent } from '../../shared/recipe/rules-image.ts'
import type { InstalledFile } from '../../shared/recipe/schema.ts'
import { placeIn } from './new-root.ts'

/**
 * Writes the files of the recipe into an installed system, directories made where they are missing. What they replace is
 * replaced as a whole. Their content is never shown: it may be a credential.
 * @throws `step-failed`
 */
export async function placeFiles(root: string, files: readonly InstalledFile[]): Promise<void> {
  for (const file of files) {
    const place = await placeIn(root, file.path.slice(1))
    if ((await lstat(place).catch(() => undefined))?.isDirectory()) {
      throw new AppError('step-failed', `Cannot write ${file.path}: the installed system has a directory there`)
    }
    const [uid, gid] = (file.owner ?? '0:0').split(':').map(Number)
    // Not readable by anybody before its owner and mode are right.
    await writeFile(place, '', { mode: 0o600 })
    await chmod(place, 0o600)
    await chown(place, uid ?? 0, gid ?? 0)
    await writeFile(place, fileContent(file), { flush: true })
    await chmod(place, Number.parseInt(file.mode ?? '0644', 8))
  }
}

/**
 * Where a path of the installed system lies below the root of its file system. An ostree (bootc) system keeps `/etc` in its
 * deployment and `/var` beside it, and takes nothing else from a writable place.
 * @throws `step-failed`
 */
export function ostreePlace(
  path: string,
  deployment: { readonly directory: string; readonly variable: string },
): string {
  if (path.startsWith('/etc/')) return join('/', deployment.directory, path)
  if (path.startsWith('/var/')) return join('/', deployment.variable, path.slice('/var'.length))
  throw new AppError('step-failed', `Cannot write ${path}: an ostree system takes files in /etc and /var only`)
}

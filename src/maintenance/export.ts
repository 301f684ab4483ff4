import { chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { assetNames, readAsset } from '../shared/assets.ts'
import { AppError } from '../shared/errors.ts'

/** What the Containerfile copies. */
const TREES = ['assets/host', 'assets/units', 'assets/quadlets']

/**
 * Writes the build context of the maintenance image into a new or empty directory: the Containerfile, what it copies, and
 * `program`, the executable. All of it travels in the one file; nothing is fetched.
 * @returns the paths written, sorted
 * @throws `request-invalid` when the directory holds something
 */
export async function exportContext(directory: string, program: string): Promise<string[]> {
  const present = await readdir(directory).catch(() => [])
  if (present.length > 0) {
    throw new AppError('request-invalid', `Cannot export to "${directory}": it is not empty`)
  }
  const names = ['Containerfile', ...TREES.flatMap(assetNames)]
  for (const name of names) {
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, readAsset(name))
  }
  const copy = join(directory, 'dist/provisioner')
  await mkdir(dirname(copy), { recursive: true })
  await copyFile(program, copy)
  await chmod(copy, 0o755)
  return [...names, 'dist/provisioner'].sort()
}

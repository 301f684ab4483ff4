import { chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { assetNames, readAsset } from '../shared/assets.ts'
import { AppError } from '../shared/errors.ts'

/** What the Containerfile copies. */
const TREES = ['assets/host', 'assets/units', 'assets/quadlets', 'assets/trust']

/** What the image of one site trusts beside what the program brings. */
export interface ExportedTrust {
  /** PEM of the controller's task key, of which media must be signed. */
  readonly taskKey?: Uint8Array | undefined
  /** PEM of a CA for the whole system. */
  readonly ca?: Uint8Array | undefined
}

/**
 * Writes the build context of the maintenance image and of the tool image into a new or empty directory: the Containerfiles,
 * what they copy, and
 * `program`, the executable. All of it travels in the one file; nothing is fetched.
 * @returns the paths written, sorted
 * @throws `request-invalid` when the directory holds something
 */
export async function exportContext(directory: string, program: string, trust: ExportedTrust = {}): Promise<string[]> {
  const present = await readdir(directory).catch(() => [])
  if (present.length > 0) {
    throw new AppError('request-invalid', `Cannot export to "${directory}": it is not empty`)
  }
  const files = new Map<string, Uint8Array>()
  for (const name of ['Containerfile', 'Containerfile.tools', ...TREES.flatMap(assetNames)])
    files.set(name, readAsset(name))
  if (trust.taskKey !== undefined) files.set('assets/trust/controller.pub', trust.taskKey)
  if (trust.ca !== undefined) files.set('assets/trust/ca.crt', trust.ca)
  for (const [name, content] of files) {
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
  const copy = join(directory, 'dist/provisioner')
  await mkdir(dirname(copy), { recursive: true })
  await copyFile(program, copy)
  await chmod(copy, 0o755)
  return [...files.keys(), 'dist/provisioner'].sort()
}

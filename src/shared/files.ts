import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from './errors.ts'
import { hasCode } from './system-error.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * Writes a whole file so that a crash leaves the old one or the new one: a partial file, flushed, renamed, and the
 * directory flushed after it.
 * @param owner whom it belongs to from the first moment it is there; by default the process's user
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string,
  mode: number,
  owner?: Owner,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const partial = `${path}.partial`
  await rm(partial, { force: true })
  const file = await open(partial, 'wx', mode)
  try {
    if (owner !== undefined) await file.chown(owner.uid, owner.gid)
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
  await syncDirectory(dirname(path))
}

/** What stands in a file that a person named; `what` it is goes into the message. @throws `request-invalid` */
export async function readTextFile(path: string, what = ''): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('request-invalid', `Cannot read ${what === '' ? '' : `${what} `}"${path}"`, { cause })
  })
}

/**
 * Reads a file with a secret; undefined when there is none.
 * @param forbidden bits of the mode that it must not have: by default everything for others and for the group
 * @throws `config-invalid` when others may read or change it
 */
export async function readPrivateFile(path: string, forbidden = 0o077): Promise<Buffer | undefined> {
  try {
    const { mode } = await stat(path)
    if ((mode & forbidden) !== 0) {
      const present = (mode & 0o777).toString(8).padStart(4, '0')
      const wanted = (mode & 0o700 & ~forbidden).toString(8).padStart(4, '0')
      throw new AppError('config-invalid', `Cannot use "${path}": others may read it (mode ${present}, not ${wanted})`)
    }
    return await readFile(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Makes a rename in `path` last (fsync(2) of the directory). */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

export function isPresent(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

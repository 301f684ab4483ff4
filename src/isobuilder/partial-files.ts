import { randomBytes } from 'node:crypto'
import { lstat, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** What stands behind the name of a file that is not complete. */
const SUFFIX = /^\.[0-9a-f]{12}\.partial$/

/** Nothing writes to a file of an image that seldom. */
const ABANDONED_MS = 86_400_000

/** Where a file is made that will be `path`. */
export function partialPath(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.partial`
}

/**
 * Removes what those have left that were killed while they made `path`; it may be gigabytes.
 * @param now as the file system has it: the clock of a file server may be another
 */
export async function removeAbandoned(path: string, now: number): Promise<void> {
  const [directory, name] = [dirname(path), basename(path)]
  // Others' files, and a directory that is not to be listed, keep nobody from writing.
  const names = await readdir(directory).catch(() => [])
  for (const left of names.filter((each) => each.startsWith(name) && SUFFIX.test(each.slice(name.length)))) {
    const at = join(directory, left)
    const present = await lstat(at).catch(() => undefined)
    if (present?.isFile() && now - present.mtimeMs > ABANDONED_MS) await rm(at, { force: true }).catch(() => undefined)
  }
}

import { isUtf8 } from 'node:buffer'
import type { Stats } from 'node:fs'
import { lstatSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Problem } from '../shared/errors.ts'
import { AppError } from '../shared/errors.ts'
import type { OpenFiles } from './open-files.ts'
import { fileSourceOf } from './source.ts'
import { cannot } from './system-error.ts'
import type { Entry } from './tree.ts'

/**
 * The tree below `directory` as entries: files are read once for their digests, symbolic links stay links, empty
 * directories stay. Owners, modes and times are not taken: an image has none of its own.
 * @throws `iso-plan` listing every device, socket, pipe and name that is not UTF-8
 */
export async function entriesOf(directory: string, signal: AbortSignal, files?: OpenFiles): Promise<Entry[]> {
  const entries: Entry[] = []
  const problems: Problem[] = []

  async function visit(path: string): Promise<void> {
    for (const name of await namesIn(join(directory, path))) {
      signal.throwIfAborted()
      const below = path === '' ? name.toString() : `${path}/${name}`
      if (isUtf8(name)) await add(below)
      else problems.push(problem(below, 'path-character', 'the name is not UTF-8'))
    }
  }
  async function add(path: string): Promise<void> {
    const full = join(directory, path)
    const stat = kindOf(full)
    if (stat.isSymbolicLink()) {
      entries.push({ path, symlink: await readlink(full).catch(cannot('iso-plan', `read "${full}"`)) })
    } else if (stat.isFile()) entries.push({ path, source: await fileSourceOf(full, signal, files) })
    else if (stat.isDirectory()) {
      entries.push({ path, directory: true })
      await visit(path)
    } else problems.push(problem(path, 'file-kind', 'it is no file, directory or symbolic link'))
  }

  await visit('')
  if (problems.length > 0) {
    throw new AppError('iso-plan', `Cannot record "${directory}": ${problems.length} files are not possible`, {
      problems,
    })
  }
  return entries
}

/** Without the thread pool, as small files are read: a tree has thousands of them. */
function kindOf(path: string): Stats {
  try {
    return lstatSync(path)
  } catch (error) {
    return cannot('iso-plan', `read "${path}"`)(error)
  }
}

async function namesIn(directory: string): Promise<Buffer[]> {
  return readdir(directory, { encoding: 'buffer' }).catch(cannot('iso-plan', `read the directory "${directory}"`))
}

function problem(path: string, code: string, state: string): Problem {
  return { path, code, message: `Cannot record "${path}": ${state}` }
}

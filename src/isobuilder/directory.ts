import { isUtf8 } from 'node:buffer'
import type { Dirent } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Problem } from '../shared/errors.ts'
import { AppError } from '../shared/errors.ts'
import type { DraftEntry } from './draft.ts'
import { unreadFile } from './draft.ts'
import { readSmallFile, SMALL_BYTES } from './small-file.ts'
import { bytesSource } from './source.ts'
import { cannot } from './system-error.ts'

/** Bytes of small files that are kept from the one time they are read; files beyond that are read while writing. */
const HELD_BYTES = 64 * 1024 * 1024

/**
 * The tree below `directory` as entries, for `createIso`: small files are read, symbolic links stay links, empty
 * directories stay. Owners, modes and times are not taken: an image has none of its own.
 * @throws `iso-plan` listing every device, socket, pipe and name that is not UTF-8
 */
export async function entriesOf(
  directory: string,
  signal: AbortSignal,
  heldBytes: number = HELD_BYTES,
): Promise<DraftEntry[]> {
  const entries: DraftEntry[] = []
  const problems: Problem[] = []
  let room = heldBytes

  async function visit(path: string): Promise<void> {
    signal.throwIfAborted()
    for (const child of await childrenOf(join(directory, path))) {
      const name = child.name.toString()
      const below = path === '' ? name : `${path}/${name}`
      if (!isUtf8(child.name)) problems.push(problem(below, 'path-character', 'the name is not UTF-8'))
      else if (child.isFile()) entries.push(fileEntry(below))
      else if (child.isDirectory()) {
        entries.push({ path: below, directory: true })
        await visit(below)
      } else if (child.isSymbolicLink()) {
        const full = join(directory, below)
        entries.push({ path: below, symlink: await readlink(full).catch(cannot('iso-plan', `read "${full}"`)) })
      } else problems.push(problem(below, 'file-kind', 'it is no file, directory or symbolic link'))
    }
  }

  function fileEntry(path: string): DraftEntry {
    const full = `${directory}/${path}`
    const bytes = room >= SMALL_BYTES ? readSmallFile(full) : undefined
    if (bytes === undefined) return { path, unread: unreadFile(full) }
    room -= bytes.length
    return { path, source: bytesSource(bytes) }
  }

  await visit('')
  if (problems.length > 0) {
    throw new AppError('iso-plan', `Cannot record "${directory}": ${problems.length} files are not possible`, {
      problems,
    })
  }
  return entries
}

async function childrenOf(directory: string): Promise<Dirent<Buffer>[]> {
  return readdir(directory, { withFileTypes: true, encoding: 'buffer' }).catch(
    cannot('iso-plan', `read the directory "${directory}"`),
  )
}

function problem(path: string, code: string, state: string): Problem {
  return { path, code, message: `Cannot record "${path}": ${state}` }
}

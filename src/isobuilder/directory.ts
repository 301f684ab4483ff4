import { isUtf8 } from 'node:buffer'
import type { Dirent } from 'node:fs'
import { readdirSync, readlinkSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Problem } from '../shared/errors.ts'
import { AppError } from '../shared/errors.ts'
import { cannot } from '../shared/system-error.ts'
import type { DraftEntry } from './draft.ts'
import { fileEntries } from './file-entries.ts'
import { compareCodeUnits } from './tree.ts'

/** Bytes of small files that are kept from the one time they are read; files beyond that are read while writing. */
const HELD_BYTES = 64 * 1024 * 1024

export interface DirectoryEntries {
  readonly entries: DraftEntry[]
  /** Devices, sockets and pipes, what cannot be read, and names and targets that are not UTF-8. */
  readonly problems: Problem[]
}

/**
 * The tree below `directory` as entries, for `createIso`: small files are read, symbolic links stay links, empty
 * directories stay. Owners, modes and times are not taken: an image has none of its own.
 * @throws `iso-plan` when the directory itself cannot be read
 */
export async function entriesOf(
  directory: string,
  signal: AbortSignal,
  heldBytes: number = HELD_BYTES,
): Promise<DirectoryEntries> {
  const entries: DraftEntry[] = []
  const problems: Problem[] = []
  using files = fileEntries(directory, heldBytes, unreadable)

  // A trip to the thread pool costs more than the calls of a whole directory; a signal is seen between two of them.
  async function visit(path: string): Promise<void> {
    await nextTurn()
    signal.throwIfAborted()
    const at = path === '' ? directory : `${directory}/${path}`
    const children = childrenOf(at)
    const broken = namesNotText(at, children)
    for (const child of children) {
      const below = path === '' ? child.name : `${path}/${child.name}`
      try {
        if (broken.has(child.name)) refuse(below, 'path-character', 'the name is not UTF-8')
        else if (child.isFile()) files.add(below)
        else if (child.isDirectory()) {
          entries.push({ path: below, directory: true })
          await visit(below)
        } else if (child.isSymbolicLink()) addLink(below)
        else refuse(below, 'file-kind', 'it is no file, directory or symbolic link')
      } catch (error) {
        // The reason of a stop is an error of ours too.
        signal.throwIfAborted()
        unreadable(below, error)
      }
    }
  }

  function refuse(path: string, code: string, state: string): void {
    problems.push({ path, code, message: `Cannot record "${path}": ${state}` })
  }

  function unreadable(path: string, error: unknown): void {
    if (!(error instanceof AppError)) throw error
    refuse(path, 'file-unreadable', error.cause instanceof Error ? error.cause.message : error.message)
  }

  function addLink(path: string): void {
    const full = `${directory}/${path}`
    const target = now(`read "${full}"`, () => readlinkSync(full, { encoding: 'buffer' }))
    if (isUtf8(target)) entries.push({ path, symlink: target.toString() })
    else refuse(path, 'symlink-target', 'the target of the link is not UTF-8')
  }

  await visit('')
  signal.throwIfAborted()
  const read = await files.entries(signal)
  return { entries: [...entries, ...read], problems }
}

/** In code unit order, so that the entries come nearly in the order in which they are planned. */
function childrenOf(directory: string): Dirent[] {
  return now(`read the directory "${directory}"`, () =>
    readdirSync(directory, { withFileTypes: true }).sort((a, b) => compareCodeUnits(a.name, b.name)),
  )
}

/** What Node shows in place of bytes that are no UTF-8; a name may also have this character by itself. */
const REPLACEMENT = '\ufffd'

function namesNotText(directory: string, children: readonly Dirent[]): ReadonlySet<string> {
  const suspects = new Set(children.map(({ name }) => name).filter((name) => name.includes(REPLACEMENT)))
  if (suspects.size === 0) return suspects
  const raw = now(`read the directory "${directory}"`, () => readdirSync(directory, { encoding: 'buffer' }))
  for (const name of raw) if (isUtf8(name)) suspects.delete(name.toString())
  return suspects
}

/** @throws `iso-plan` */
function now<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    return cannot('iso-plan', what)(error)
  }
}

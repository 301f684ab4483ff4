import { createHash } from 'node:crypto'
import { lstatSync } from 'node:fs'
import type { Digest } from '../shared/digest.ts'
import { sha256 } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'
import { cannot } from '../shared/system-error.ts'
import type { OpenFiles } from './open-files.ts'
import { readSmallFile, SMALL_BYTES } from './small-file.ts'
import type { Source } from './source.ts'
import { bytesSource, changed, stampedSource, stampOf } from './source.ts'
import type { Entry } from './tree.ts'

/** A regular file of which the size is known and not the digest: it is learned while an image is written. */
export interface UnreadFile {
  readonly path: string
  readonly size: number
  readonly stamp: string
}

/** What an image is to hold, before every file of it was read. */
export type DraftEntry = Entry | { readonly path: string; readonly unread: UnreadFile }

/** In place of a digest that is not known yet. */
const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`

/** Looks at a file without reading it. @throws `iso-plan` when it is no regular file */
export function unreadFile(path: string): UnreadFile {
  const stat = lookAt(path)
  if (!stat.isFile()) throw new AppError('iso-plan', `Cannot read "${path}": it is not a regular file`)
  return { path, size: Number(stat.size), stamp: stampOf(stat) }
}

function lookAt(path: string) {
  try {
    return lstatSync(path, { bigint: true })
  } catch (error) {
    return cannot('iso-plan', `read "${path}"`)(error)
  }
}

/**
 * The file as it is read for the first and only time, from its start to its end; `learn` gets the digest. Until then the
 * source has none: it is for a draft, never for a plan that is kept.
 */
export function draftSource(file: UnreadFile, files: OpenFiles, learn: (digest: Digest) => void): Source {
  if (file.size <= SMALL_BYTES) return smallDraft(file, learn)
  const source = stampedSource(file.path, file.size, UNKNOWN, file.stamp, files)
  const hash = createHash('sha256')
  let before: Promise<unknown> = Promise.resolve()
  return {
    ...source,
    // The next piece is asked for before this one is there; they are hashed in the order in which they were asked for.
    read(offset, length, signal, into) {
      const both = Promise.all([source.read(offset, length, signal, into), before])
      const hashed = both.then(([bytes]) => {
        hash.update(bytes)
        if (offset + length === file.size) learn(`sha256:${hash.digest('hex')}`)
        return bytes
      })
      before = hashed
      return hashed
    },
  }
}

/** An empty file is never read: its digest is known. */
function smallDraft({ path, size }: UnreadFile, learn: (digest: Digest) => void): Source {
  if (size === 0) learn(sha256(''))
  let held: Source | undefined
  return {
    size,
    digest: UNKNOWN,
    read: async (offset, length, signal) => {
      held ??= bytesSource(readSmallFile(path) ?? new Uint8Array())
      if (held.size !== size) throw changed(path)
      const part = await held.read(offset, length, signal)
      if (offset + length < size) return part
      learn(held.digest)
      held = undefined
      return part
    },
  }
}

import type { FileHandle } from 'node:fs/promises'
import { lstat, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Digest } from '../shared/digest.ts'
import type { Problem } from '../shared/errors.ts'
import { AppError } from '../shared/errors.ts'
import { writeAt } from '../shared/file-at.ts'
import { cannot } from '../shared/system-error.ts'
import type { DraftEntry } from './draft.ts'
import { draftSource } from './draft.ts'
import { writeImage } from './image-writer.ts'
import type { OpenFiles } from './open-files.ts'
import { openFiles } from './open-files.ts'
import { partialPath, removeAbandoned } from './partial-files.ts'
import type { IsoOptions, IsoPlan } from './plan.ts'
import { planIso } from './plan.ts'
import type { IsoImage } from './reader.ts'
import { mediumFile, openIso } from './reader.ts'
import type { Segment } from './segments.ts'
import { fileSource } from './source.ts'
import type { Entry } from './tree.ts'

/**
 * Writes an image of files that were not all read yet, each read once: a draft is written without their digests, and then
 * the few sectors over it that follow from them, the identity of the volume. Where things lie follows from sizes alone.
 * @throws `iso-plan` with all problems of the tree and those `found` before, or when a file changed
 */
export async function createIso(
  entries: readonly DraftEntry[],
  options: IsoOptions,
  path: string,
  signal: AbortSignal,
  found: readonly Problem[] = [],
): Promise<IsoPlan> {
  const files = openFiles()
  const learned = new Map<string, Digest>()
  const planned = (sourceOf: (entry: DraftEntry) => Entry): IsoPlan => {
    const result = planIso(entries.map(sourceOf), options)
    if (result.ok && found.length === 0) return result.plan
    const problems = [...found, ...(result.ok ? [] : result.problems)]
    throw new AppError('iso-plan', `Cannot make the image "${path}"`, { problems })
  }
  const draft = planned((entry) => drafted(entry, files, learned))
  try {
    let plan = draft
    await appearing(path, async (file) => {
      await writeImage(draft, file, signal)
      if (learned.size === 0) return
      plan = planned((entry) => settled(entry, learned))
      await writeChanges(draft, plan, file)
    })
    return plan
  } finally {
    await files.close()
  }
}

function drafted(entry: DraftEntry, files: OpenFiles, learned: Map<string, Digest>): Entry {
  if (!('unread' in entry)) return entry
  const { path, unread } = entry
  return { path, source: draftSource(unread, files, (digest) => learned.set(path, digest)) }
}

function settled(entry: DraftEntry, learned: ReadonlyMap<string, Digest>): Entry {
  if (!('unread' in entry)) return entry
  const { path, unread } = entry
  const digest = learned.get(path)
  if (digest === undefined) throw new RangeError(`Cannot settle "${path}": it was not read to its end`)
  return { path, source: fileSource(unread.path, unread.size, digest) }
}

/** What the plan has in its own bytes and the draft has not. */
async function writeChanges(draft: IsoPlan, plan: IsoPlan, file: FileHandle): Promise<void> {
  for (const [index, segment] of plan.segments.entries()) {
    const before: Segment | undefined = draft.segments[index]
    if (before?.start !== segment.start) throw new RangeError('Cannot settle an image: its draft is laid out otherwise')
    if (!('bytes' in segment) || ('bytes' in before && Buffer.compare(before.bytes, segment.bytes) === 0)) continue
    await writeAt(file, segment.bytes, segment.start)
  }
}

/** A file that is there when it is complete and on the disk, and not before. Two that write it at once do not meet. */
async function appearing(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  await refuseSpecial(path)
  const partial = partialPath(path)
  const failed = cannot('iso-plan', `write "${path}"`)
  try {
    await withFile(partial, 'wx', async (file) => {
      await removeAbandoned(path, (await file.stat()).mtimeMs)
      await write(file).catch(failed)
      await file.sync().catch(failed)
    })
    await rename(partial, path).catch(failed)
    await withFile(dirname(path), 'r', (directory) => directory.sync())
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

/** In place of a device, or of a link to one, there would be a file in memory that has the name of the device. */
async function refuseSpecial(path: string): Promise<void> {
  const present = await lstat(path).catch(() => undefined)
  if (present === undefined || present.isFile()) return
  throw new AppError('iso-plan', `Cannot write "${path}": it is there, and no regular file`)
}

/**
 * Opens the image in a file or on a device, and closes it after `use`.
 * @throws `iso-read` also when the file is shorter than its volume: its names could all be read, its contents not.
 */
export async function withIso<T>(path: string, use: (image: IsoImage) => Promise<T>): Promise<T> {
  return withFile(path, 'r', async (file) => {
    const image = await openIso(mediumFile(file))
    const stat = await file.stat()
    if (stat.isFile() && stat.size < image.volumeBytes) {
      const state = `it has ${stat.size} bytes, its volume ${image.volumeBytes}`
      throw new AppError('iso-read', `Cannot read "${path}": ${state}`)
    }
    return use(image)
  })
}

async function withFile<T>(path: string, flags: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags).catch(cannot(flags === 'r' ? 'iso-read' : 'iso-plan', `open "${path}"`))
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

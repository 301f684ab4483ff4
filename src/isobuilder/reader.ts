import type { FileHandle } from 'node:fs/promises'
import { AppError } from '../shared/errors.ts'
import { readAt } from '../shared/file-at.ts'
import { cannot } from '../shared/system-error.ts'
import { DESCRIPTOR_TYPE, FIRST_DESCRIPTOR, SECTOR } from './constants.ts'
import type { Volumes } from './reader-descriptors.ts'
import { isDescriptor, readDescriptors, volumeIdOf } from './reader-descriptors.ts'
import type { Medium, Section } from './reader-medium.ts'
import { openMedium, unreadable } from './reader-medium.ts'
import { parseRecords } from './reader-records.ts'
import { suspSkip } from './reader-rock-ridge.ts'
import type { Found, Names } from './reader-walk.ts'
import { walkTree } from './reader-walk.ts'

/** Gives `length` bytes from `offset` of a medium, in bytes; fewer only where the medium ends. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

export interface IsoFile {
  /** Relative to the root of the image, `/` between names. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink'
  /** Bytes of a file, 0 for the others. */
  readonly size: number
  /** Permission bits. */
  readonly mode: number
  /** Where a symbolic link points, as recorded. */
  readonly target?: string
}

export interface IsoImage {
  /** Volume id of the primary volume descriptor. */
  readonly label: string
  /** Bytes the image says it has; a shorter medium is a truncated image. */
  readonly volumeBytes: number
  /** Everything but devices, sockets and pipes, by path in code unit order. The tree is read once. */
  list(): Promise<readonly IsoFile[]>
  /** Where the contents of the files are, by path. */
  contents(): Promise<readonly { readonly path: string; readonly sections: readonly Section[] }[]>
  /** A whole small file. @throws `not-found`, `size-exceeded` above `limitBytes`, `iso-read` */
  read(path: string, limitBytes: number): Promise<Uint8Array>
  /** A file of any size. @throws `not-found`, `iso-read` */
  stream(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array>
}

/** Bytes read at a time. */
const CHUNK = 256 * 1024

/**
 * Opens an image for reading, with the names of Rock Ridge, else Joliet, else the primary tree. The image may come from
 * anyone: loops, extents outside of the volume and endless lists are refused.
 * @param base byte offset of the image in the medium, when another one lies before it
 * @throws `iso-read` saying what is wrong
 */
export async function openIso(readAt: ReadAt, base = 0): Promise<IsoImage> {
  const medium = openMedium(readAt, base)
  const volumes = await readDescriptors(medium)
  const { root, names } = await chooseTree(medium, volumes)
  let walked: Promise<Map<string, Found>> | undefined

  function tree(): Promise<Map<string, Found>> {
    walked ??= walkTree({ medium, volumeBytes: volumes.volumeBytes, root, names }).then(byPath)
    return walked
  }
  async function file(path: string): Promise<Found> {
    const found = (await tree()).get(path.replace(/^\//, ''))
    if (found === undefined) throw new AppError('not-found', `Cannot read "${path}": the image has no such file`)
    if (found.kind !== 'file') throw unreadable(`"${path}" is a ${found.kind}`)
    return found
  }

  return {
    label: volumes.label,
    volumeBytes: volumes.volumeBytes,
    list: async () => [...(await tree()).values()].map(withoutSections),
    contents: async () => [...(await tree()).values()].map(({ path, sections }) => ({ path, sections })),
    async read(path, limitBytes) {
      const { size, sections } = await file(path)
      if (size > limitBytes) {
        throw new AppError('size-exceeded', `Cannot read "${path}": it has ${size} bytes, more than ${limitBytes}`)
      }
      return Buffer.concat(await Array.fromAsync(streamSections(medium, sections, undefined)))
    },
    async *stream(path, signal) {
      yield* streamSections(medium, (await file(path)).sections, signal)
    },
  }
}

/** Volume id of the image at `base`, or undefined when there is none. Reads one sector. */
export async function readVolumeId(readAt: ReadAt, base = 0): Promise<string | undefined> {
  const bytes = Buffer.from(await readAt(base + FIRST_DESCRIPTOR * SECTOR, SECTOR))
  return isDescriptor(bytes) && bytes[0] === DESCRIPTOR_TYPE.primary ? volumeIdOf(bytes) : undefined
}

/** A file or block device as a medium. */
export function mediumFile(file: FileHandle): ReadAt {
  return async (offset, length) => {
    const bytes = Buffer.alloc(length)
    const failed = cannot('iso-read', `read ${length} bytes at byte ${offset} of the medium`)
    return bytes.subarray(0, await readAt(file, bytes, offset).catch(failed))
  }
}

async function chooseTree(medium: Medium, volumes: Volumes): Promise<{ root: Section; names: Names }> {
  const { primaryRoot, jolietRoot } = volumes
  const bytes = await medium.read(primaryRoot.sector * SECTOR, SECTOR)
  const [self] = parseRecords(bytes, '')
  const skip = self === undefined ? undefined : suspSkip(self.systemUse)
  if (skip !== undefined) return { root: primaryRoot, names: { from: 'rock-ridge', skip } }
  return jolietRoot === undefined
    ? { root: primaryRoot, names: { from: 'primary' } }
    : { root: jolietRoot, names: { from: 'joliet' } }
}

async function* streamSections(
  medium: Medium,
  sections: readonly Section[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for (const { sector, bytes } of sections) {
    for (let at = 0; at < bytes; at += CHUNK) {
      signal?.throwIfAborted()
      yield await medium.read(sector * SECTOR + at, Math.min(CHUNK, bytes - at))
    }
  }
}

function byPath(found: readonly Found[]): Map<string, Found> {
  const sorted = found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return new Map(sorted.map((node) => [node.path, node]))
}

function withoutSections({ path, kind, size, mode, target }: Found): IsoFile {
  return { path, kind, size, mode, ...(target === undefined ? {} : { target }) }
}

import { mkdir, open, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Problem } from '../shared/errors.ts'
import { AppError } from '../shared/errors.ts'
import { cannot } from '../shared/system-error.ts'
import type { IsoFile, IsoImage } from './reader.ts'

/** As Linux follows them (path_resolution(7), ELOOP). */
const MAX_LINKS = 40

/** Names gone through to follow all links: a thousand links of one image may each lead through a thousand names. */
const MAX_STEPS = 5_000_000

/** Files may lie on the same bytes, as hard links do. More than this is made to fill a disk. */
const MAX_SHARING = 16

/**
 * Writes everything in the image below `directory`, which is made or is empty, so that nothing in it can lead elsewhere.
 * Symbolic links come last: no file is written through one. A link that leads out of the directory refuses the whole
 * image, before anything is written. Permission bits are kept, but directories stay writable to their owner.
 * @throws `iso-read`
 */
export async function extractIso(image: IsoImage, directory: string, signal: AbortSignal): Promise<readonly IsoFile[]> {
  const files = await image.list()
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  if (bytes > MAX_SHARING * image.volumeBytes) {
    const state = `its files have ${bytes} bytes, the image ${image.volumeBytes}`
    throw new AppError('iso-read', `Cannot extract the image: ${state}`)
  }
  const problems = linksLeadingOut(files)
  if (problems.length > 0) {
    throw new AppError('iso-read', 'Cannot extract the image: symbolic links lead out of it', { problems })
  }
  await writeAll(image, files, directory, signal).catch(cannot('iso-read', `extract the image into "${directory}"`))
  return files
}

async function writeAll(
  image: IsoImage,
  files: readonly IsoFile[],
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(directory, { recursive: true })
  if ((await readdir(directory)).length > 0) {
    throw new AppError('iso-read', `Cannot extract into "${directory}": it is not empty`)
  }
  for (const { path, kind, mode } of files) {
    if (kind === 'directory') await mkdir(join(directory, path), { mode: (mode & 0o777) | 0o700 })
  }
  for (const file of files) if (file.kind === 'file') await extractFile(image, file, join(directory, file.path), signal)
  for (const { path, target } of files) if (target !== undefined) await symlink(target, join(directory, path))
}

/**
 * One problem for each symbolic link from which a path outside of the image could be reached.
 * @throws `iso-read` when that takes too long to find out
 */
export function linksLeadingOut(files: readonly IsoFile[]): Problem[] {
  const links = new Map<string, string>()
  for (const { path, target } of files) if (target !== undefined) links.set(path, target)
  let steps = 0
  const step = () => {
    if (++steps > MAX_STEPS) throw new AppError('iso-read', 'Cannot extract the image: its links go on for ever')
  }
  return [...links].flatMap(([path, target]) => {
    if (staysInside(path, target, links, step)) return []
    const message = `Cannot extract "${path}": it points to "${target}", outside of the image`
    return [{ path, code: 'symlink-outside', message }]
  })
}

/** Follows the link as a kernel would, through the other links of the image. */
function staysInside(path: string, target: string, links: ReadonlyMap<string, string>, step: () => void): boolean {
  const at = path.split('/').slice(0, -1)
  const todo = target.split('/').reverse()
  if (target.startsWith('/')) return false
  for (let followed = 0; ; ) {
    step()
    const name = todo.pop()
    if (name === undefined) return true
    if (name === '' || name === '.') continue
    if (name === '..') {
      if (at.pop() === undefined) return false
      continue
    }
    at.push(name)
    const next = links.get(at.join('/'))
    if (next === undefined) continue
    if (next.startsWith('/')) return false
    // A loop of links leads nowhere, so not outside either.
    if (++followed > MAX_LINKS) return true
    at.pop()
    todo.push(...next.split('/').reverse())
  }
}

async function extractFile(image: IsoImage, { path, mode }: IsoFile, to: string, signal: AbortSignal): Promise<void> {
  // Exclusive: what is there already, a link too, is an error.
  const file = await open(to, 'wx', mode & 0o777)
  try {
    for await (const chunk of image.stream(path, signal)) await file.writeFile(chunk)
  } finally {
    await file.close()
  }
}

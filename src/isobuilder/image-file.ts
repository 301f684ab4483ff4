import type { FileHandle } from 'node:fs/promises'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '../shared/errors.ts'
import { readIso } from './image.ts'
import type { IsoPlan } from './plan.ts'
import type { IsoImage } from './reader.ts'
import { mediumFile, openIso } from './reader.ts'
import { cannot } from './system-error.ts'

/** Bytes written at a time. */
const CHUNK = 1024 * 1024

/** Writes a planned image to `path`, which appears only when the image is complete and on the disk. */
export async function writeIso(plan: IsoPlan, path: string, signal: AbortSignal): Promise<void> {
  const partial = `${path}.partial`
  const failed = cannot('iso-plan', `write "${path}"`)
  try {
    await withFile(partial, 'w', async (file) => {
      for await (const chunk of readIso(plan, 0, plan.size, { chunk: CHUNK, signal })) {
        await file.writeFile(chunk).catch(failed)
      }
      await file.sync().catch(failed)
    })
    await rename(partial, path).catch(failed)
    await withFile(dirname(path), 'r', (directory) => directory.sync())
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
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

import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { AppError } from '../../shared/errors.ts'
import { readAt } from '../../shared/file-at.ts'
import type { Finding } from './finding.ts'
import { lintIso } from './lint.ts'

/** Checks the image in a file or on a device, contents included. @throws `iso-read` when it cannot be read. */
export async function lintImageFile(path: string, signal: AbortSignal): Promise<Finding[]> {
  const failed = (cause: unknown) => {
    throw new AppError('iso-read', `Cannot read "${path}": ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
  const file = await open(path, 'r').catch(failed)
  try {
    const stat = await file.stat().catch(failed)
    const size = stat.isFile() ? stat.size : await endOf(file).catch(failed)
    const read = async (offset: number, length: number) => {
      signal.throwIfAborted()
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, await readAt(file, bytes, offset).catch(failed))
    }
    return await lintIso(read, size, { contents: true, isDevice: !stat.isFile(), signal })
  } finally {
    await file.close()
  }
}

/** A block device tells no size: the last sector that can be read does. */
async function endOf(file: FileHandle): Promise<number> {
  const sector = Buffer.alloc(512)
  const isThere = async (index: number) => (await file.read(sector, 0, 512, index * 512)).bytesRead === 512
  let sectors = 1
  while (await isThere(sectors)) sectors *= 2
  for (let low = sectors / 2; sectors - low > 1; ) {
    const middle = Math.floor((low + sectors) / 2)
    if (await isThere(middle)) low = middle
    else sectors = middle
  }
  return sectors * 512
}

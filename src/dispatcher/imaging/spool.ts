import { open, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import { readAt } from '../../shared/file-at.ts'
import type { ReadAt } from './qcow2/clusters.ts'
import type { DiskArea } from './write-disk.ts'

const MIB = 1 << 20

/** Where a qcow2 file is kept until it is converted. */
export interface SpoolPlace {
  readonly area: DiskArea
  remove(): Promise<void>
}

export interface SpoolRequest {
  readonly disk: { readonly path: string; readonly bytes: number; readonly zeroOut: DiskArea['zeroOut'] }
  /** What the converted image takes at the start of the disk. */
  readonly imageBytes: number
  /** Undefined when only its end tells. */
  readonly fileBytes: number | undefined
  /** Of a directory in memory, and what it may take there. */
  readonly memory: { readonly directory: string; readonly bytes: number }
}

/**
 * Behind the place of the image, the disk that is to be erased anyway has room for the file; a disk that is hardly larger
 * than the image has not, and then memory must do.
 * @throws `disk-refused` with the sizes when neither has
 */
export function planSpool({ disk, imageBytes, fileBytes, memory }: SpoolRequest): 'disk' | 'memory' {
  const behind = disk.bytes - startBehind(imageBytes)
  const fits = (room: number) => fileBytes !== undefined && fileBytes <= room
  if (fits(behind) || (fileBytes === undefined && behind >= memory.bytes)) return 'disk'
  if (fits(memory.bytes) || fileBytes === undefined) return 'memory'
  const rooms = `${formatBytes(Math.max(0, behind))} behind it and ${formatBytes(memory.bytes)} of memory`
  const state = `the file has ${formatBytes(fileBytes)}, the image ${formatBytes(imageBytes)}, and there are ${rooms}`
  throw new AppError('disk-refused', `Cannot convert the qcow2 image for ${disk.path}: ${state}`)
}

export async function openSpool(request: SpoolRequest): Promise<SpoolPlace> {
  const { disk, imageBytes, memory } = request
  if (planSpool(request) === 'disk') {
    const area = { path: disk.path, start: startBehind(imageBytes), end: disk.bytes, zeroOut: disk.zeroOut }
    return { area, remove: async () => undefined }
  }
  const path = join(memory.directory, 'disk-image.qcow2')
  await writeFile(path, '', { mode: 0o600 })
  const area = { path, start: 0, end: memory.bytes, zeroOut: undefined }
  return { area, remove: () => rm(path, { force: true }) }
}

/** Half of what is free, for the steps' programs need some too. */
export async function spoolMemory(directory: string): Promise<SpoolRequest['memory']> {
  const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8')) ?? []
  const { bavail, bsize } = await statfs(directory)
  return { directory, bytes: Math.floor(Math.min(Number(kib ?? 0) * 1024, bavail * bsize) / 2) }
}

/** Reads in the spooled file while `use` runs. */
export async function withReader<T>(area: DiskArea, use: (readAt: ReadAt) => Promise<T>): Promise<T> {
  const file = await open(area.path, 'r')
  try {
    return await use(async (position, length) => {
      const buffer = Buffer.allocUnsafeSlow(length)
      const read = await readAt(file, buffer, area.start + position)
      if (read < length) throw new AppError('step-failed', `Cannot read ${area.path} at byte ${position + read}`)
      return buffer
    })
  } finally {
    await file.close()
  }
}

function startBehind(imageBytes: number): number {
  return Math.ceil(imageBytes / MIB) * MIB
}

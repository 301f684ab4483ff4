import { open } from 'node:fs/promises'
import type { Digester } from '../../oci/digester.ts'
import { AppError } from '../../shared/errors.ts'
import type { Meter } from './meter.ts'
import type { DiskArea } from './write-disk.ts'

const STEP = 1 << 20

/** The digest of what the disk gives; whoever calls has made the kernel forget what was written. */
export async function readBack(
  { path, start }: Pick<DiskArea, 'path' | 'start'>,
  bytes: number,
  digester: Digester,
  meter: Pick<Meter, 'add'>,
  signal: AbortSignal,
): Promise<string> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafeSlow(STEP)
    for (let at = 0; at < bytes; ) {
      signal.throwIfAborted()
      const { bytesRead } = await file.read(buffer, 0, Math.min(STEP, bytes - at), start + at)
      if (bytesRead === 0) throw new Error(`it ends at byte ${start + at}`)
      await digester.update(buffer.subarray(0, bytesRead))
      at += bytesRead
      meter.add(bytesRead)
    }
    return await digester.digest()
  } catch (cause) {
    signal.throwIfAborted()
    throw new AppError('read-back', `Cannot read ${path} back`, { cause })
  } finally {
    await file.close()
  }
}

import { stat } from 'node:fs/promises'
import { holdCollection } from '../registry/control.ts'
import { ownStorage } from '../registry/storage/owner.ts'
import { databasePath } from '../registry/storage/paths.ts'
import { AppError, isAppError } from '../shared/errors.ts'

/**
 * Keeps garbage collection away from the blobs below `root` until `release`: the running registry waits with it, or, when
 * none is running, none can begin.
 * @throws `config-invalid` when there is no registry
 */
export async function holdBlobs(root: string, signal: AbortSignal): Promise<{ release(): void; assertHeld(): void }> {
  await stat(databasePath(root)).catch((cause: unknown) => {
    throw new AppError('config-invalid', `Cannot back up "${root}": there is no registry in it`, { cause })
  })
  try {
    return { ...ownStorage(root), assertHeld: () => undefined }
  } catch (error) {
    if (!isAppError(error, 'data-in-use')) throw error
    return holdCollection(root, signal)
  }
}

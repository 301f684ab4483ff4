import { seenLater } from '../../shared/time.ts'

/** So much of the content may be in memory before the disk has to begin. */
const BEHIND = 128 * 1024 * 1024

/**
 * The chunks as they come; after each 128 MiB `sync` is started, and the one before is waited for. A disk so works while the archive
 * arrives, instead of at the end alone, and one that is slower than the network does not fill the memory.
 * @throws what a sync throws: the next one would not tell that error again (syncfs(2))
 */
export async function* writtenBehind(
  content: AsyncIterable<Uint8Array>,
  sync: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let syncing = Promise.resolve()
  let unsynced = 0
  try {
    for await (const chunk of content) {
      unsynced += chunk.length
      yield chunk
      if (unsynced < BEHIND) continue
      unsynced = 0
      await syncing
      syncing = seenLater(sync())
    }
    await syncing
  } finally {
    await Promise.allSettled([syncing])
  }
}

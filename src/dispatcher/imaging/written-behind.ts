import { seenLater } from '../../shared/time.ts'

/** So much of the content may be in memory before the disk has to begin. */
const BEHIND = 128 * 1024 * 1024

/**
 * The chunks as they come; after each 128 MiB `sync` is started, and the one before is waited for. A disk so works while the archive
 * arrives, instead of at the end alone, and one that is slower than the network does not fill the memory.
 * @param sync is stopped when the reader leaves, for a disk that does not answer would hold back what made it leave
 * @throws what a sync throws: the next one would not tell that error again (syncfs(2))
 */
export async function* writtenBehind(
  content: AsyncIterable<Uint8Array>,
  sync: (stop: AbortSignal) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const stop = new AbortController()
  let syncing = Promise.resolve()
  let unsynced = 0
  try {
    for await (const chunk of content) {
      unsynced += chunk.length
      yield chunk
      if (unsynced < BEHIND) continue
      unsynced = 0
      await syncing
      syncing = seenLater(sync(stop.signal))
    }
    await syncing
  } finally {
    stop.abort()
    await Promise.allSettled([syncing])
  }
}

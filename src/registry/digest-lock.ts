import type { Digest } from '../shared/digest.ts'

/** Runs `action` while nobody else runs one for the same digest; they come one after the other, in order. */
export type Exclusive = <T>(digest: Digest, action: () => Promise<T>) => Promise<T>

/**
 * The lock between those who put a blob's file where it belongs and those who take it away. The file and its row cannot
 * change in one step; whoever moves both holds this. One process owns the storage (storage/owner.ts), so it is in memory.
 */
export function createDigestLock(): Exclusive {
  const last = new Map<Digest, Promise<unknown>>()
  return async (digest, action) => {
    const turn = (last.get(digest) ?? Promise.resolve()).then(action, action)
    last.set(digest, turn)
    try {
      return await turn
    } finally {
      if (last.get(digest) === turn) last.delete(digest)
    }
  }
}

import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'

type Algorithm = 'sha256' | 'sha512'

/** The running hash of a session; it lives in memory, and when it does not fit the bytes on disk are hashed again. */
export interface SessionHash {
  /** To be fed with what arrives, between `catchUp` and `note`. */
  readonly hash: Hash
  /** True when there is something that would have to be hashed again. */
  readonly begun: boolean
  /** Makes it the hash of the `size` bytes that are there. */
  catchUp(size: number): Promise<void>
  /** It was fed up to `size`; undefined: with more than was kept, so it is of no use any more. */
  note(size: number | undefined): void
  /** Of all bytes so far. */
  digest(algorithm: Algorithm): Promise<string>
}

export function sessionHash(first: Algorithm, read: () => AsyncIterable<Uint8Array>): SessionHash {
  let algorithm = first
  let hash = createHash(first)
  let hashed: number | undefined = 0

  async function again(by: Algorithm): Promise<void> {
    const fresh = createHash(by)
    let size = 0
    for await (const chunk of read()) {
      fresh.update(chunk)
      size += chunk.length
    }
    algorithm = by
    hash = fresh
    hashed = size
  }

  return {
    get hash() {
      return hash
    },
    get begun() {
      return hashed !== undefined && hashed > 0
    },
    async catchUp(size) {
      if (hashed !== size) await again(algorithm)
    },
    note(size) {
      hashed = size
    },
    async digest(by) {
      if (algorithm !== by) await again(by)
      return `${algorithm}:${hash.copy().digest('hex')}`
    },
  }
}

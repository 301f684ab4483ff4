import type { Digest } from '../shared/digest.ts'
import { hashFor } from '../shared/digest.ts'
import { AppError } from '../shared/errors.ts'

/** Where the digest of the bytes is made. */
export interface Digester {
  /** The bytes may be used again when it resolves. */
  update(bytes: Uint8Array): Promise<void> | void
  /** Lower-case hex, once all bytes were given. */
  digest(): Promise<string> | string
}

/** On the calling thread. */
export function digesterFor(digest: Digest): Digester {
  const hash = hashFor(digest)
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') }
}

/** The same bytes; at their end the iteration throws `digest-mismatch` if they are not those of `expected`. */
export async function* checkedContent(
  source: AsyncIterable<Uint8Array>,
  expected: Digest,
  digester: Digester = digesterFor(expected),
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    await digester.update(chunk)
    yield chunk
  }
  const actual = await digester.digest()
  if (expected.endsWith(`:${actual}`)) return
  throw new AppError('digest-mismatch', `Cannot use ${expected}: the content has ${actual}`)
}

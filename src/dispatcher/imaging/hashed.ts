import type { Digester } from '../../oci/blob.ts'
import type { Digest } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'

/** The same bytes; at their end the iteration throws `digest-mismatch` if they are not those of `expected`. */
export async function* checkedContent(
  source: AsyncIterable<Uint8Array>,
  expected: Digest,
  digester: Digester,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    await digester.update(chunk)
    yield chunk
  }
  const actual = await digester.digest()
  if (expected.endsWith(`:${actual}`)) return
  throw new AppError('digest-mismatch', `Cannot use the content: it has ${actual} and the artifact says ${expected}`)
}

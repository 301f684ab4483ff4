import { PATIENT_BLOB_POLICY, streamBlob } from '../../oci/blob.ts'
import type { Digester } from '../../oci/digester.ts'
import { checkedContent } from '../../oci/digester.ts'
import type { Descriptor } from '../../oci/manifest.ts'
import type { Repository } from '../../oci/registry.ts'
import type { Digest } from '../../shared/digest.ts'
import { digestAlgorithm } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'
import { seenLater } from '../../shared/time.ts'
import { hashThread } from './hash-thread.ts'
import type { Meter } from './meter.ts'

/** What is being taken in of an artifact. */
export interface Intake extends Disposable {
  /** The bytes of the layer as they are stored; the digest is checked at their end. */
  readonly stored: AsyncIterable<Uint8Array>
  /** Bytes behind a decompressor, checked against the digest that the artifact says of them, if it says one. */
  content(decompressed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /**
   * Whether every stored byte was taken and was right; whoever calls a disk written asks this first.
   * @throws `digest-mismatch`
   */
  assertComplete(): void
}

/** Reads a layer through broken connections; digests are made on threads of their own. */
export function takeIn(
  repository: Repository,
  layer: Descriptor,
  content: Digest | undefined,
  meter: Pick<Meter, 'add' | 'broke'>,
  signal: AbortSignal,
): Intake {
  const threads: (Digester & Disposable)[] = []
  const digester = (digest: Digest) => {
    const thread = hashThread(digestAlgorithm(digest))
    threads.push(thread)
    return thread
  }
  let complete = false
  let contentComplete = content === undefined

  async function* stored(): AsyncGenerator<Uint8Array> {
    const policy = { ...PATIENT_BLOB_POLICY, onBreak: meter.broke }
    for await (const chunk of streamBlob(repository, layer, signal, policy, 0, digester(layer.digest))) {
      meter.add(chunk.length)
      yield chunk
    }
    complete = true
  }

  async function* checked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    if (content === undefined) return yield* source
    yield* checkedContent(source, content, digester(content))
    contentComplete = true
  }

  const contents: AsyncGenerator<Uint8Array>[] = []

  return {
    stored: stored(),
    content(source) {
      const content = checked(source)
      contents.push(content)
      return content
    },
    assertComplete() {
      if (complete && contentComplete) return
      const message = `Cannot use ${layer.digest}: something follows the end of its content`
      throw new AppError('digest-mismatch', message)
    },
    [Symbol.dispose]() {
      // Whoever has only looked at the beginning leaves a decompressor and a connection; nobody waits for their end.
      for (const content of contents) void seenLater(content.return(undefined))
      for (const thread of threads) thread[Symbol.dispose]()
    },
  }
}

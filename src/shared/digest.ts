import type { Hash } from 'node:crypto'
import { createHash, hash } from 'node:crypto'
import { AppError } from './errors.ts'

/** `algorithm:hex` in lower case, checked (OCI image-spec, descriptor "Digests"). */
export type Digest = `sha256:${string}` | `sha512:${string}`

const GRAMMAR = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

export function isDigest(text: string): text is Digest {
  return GRAMMAR.test(text)
}

/** @throws `reference-invalid` when `text` is no sha256 or sha512 digest. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new AppError('reference-invalid', `Cannot use "${text}" as a digest: "sha256:" and 64 hex digits are expected`)
}

export function digestAlgorithm(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

/** A running hash of the algorithm that `digest` names. */
export function hashFor(digest: Digest): Hash {
  return createHash(digestAlgorithm(digest))
}

/** True when `digest` is that of `content`. */
export function isContent(digest: Digest, content: Uint8Array): boolean {
  return digest === `${digestAlgorithm(digest)}:${hash(digestAlgorithm(digest), content)}`
}

export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${hash('sha256', bytes)}`
}

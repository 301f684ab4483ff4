import type { Digest } from '../shared/digest.ts'
import { isDigest } from '../shared/digest.ts'
import { REPOSITORY_GRAMMAR, TAG_GRAMMAR } from '../shared/oci-reference.ts'
import { OciError } from './errors.ts'

const REPOSITORY = new RegExp(`^${REPOSITORY_GRAMMAR}$`)
const TAG = new RegExp(`^${TAG_GRAMMAR}$`)

/** Many clients limit host and name together to this (distribution-spec "Pulling manifests"). */
const MAX_NAME = 255

/** @throws NAME_INVALID. What passes has no empty, dot or percent-encoded segment. */
export function parseRepository(text: string): string {
  if (text.length <= MAX_NAME && REPOSITORY.test(text)) return text
  throw new OciError('NAME_INVALID', { name: text.slice(0, MAX_NAME) })
}

/** @throws DIGEST_INVALID for a malformed digest and for every algorithm but sha256 and sha512. */
export function parseOciDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new OciError('DIGEST_INVALID', { digest: text.slice(0, 200), expected: 'sha256:<64 hex> or sha512:<128 hex>' })
}

export function parseTag(text: string): string {
  if (TAG.test(text)) return text
  throw new OciError('MANIFEST_INVALID', { tag: text.slice(0, MAX_NAME) })
}

export type ManifestReference = { readonly digest: Digest } | { readonly tag: string }

/** A reference with a colon is a digest, else a tag; a tag that cannot exist is unknown, not malformed. */
export function parseManifestReference(text: string): ManifestReference {
  if (text.includes(':')) return { digest: parseOciDigest(text) }
  if (TAG.test(text)) return { tag: text }
  throw new OciError('MANIFEST_UNKNOWN', { reference: text.slice(0, MAX_NAME) })
}

/** The hash algorithms a session can be asked for (end-4c). */
export function parseAlgorithm(text: string | null): 'sha256' | 'sha512' {
  if (text === null || text === '' || text === 'sha256') return 'sha256'
  if (text === 'sha512') return text
  throw new OciError('DIGEST_INVALID', { algorithm: text.slice(0, 50), supported: ['sha256', 'sha512'] })
}

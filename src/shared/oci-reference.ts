import type { Digest } from './digest.ts'
import { isDigest } from './digest.ts'
import { AppError } from './errors.ts'

/** `<name>` of distribution-spec "Pulling manifests". */
export const REPOSITORY_GRAMMAR = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*'
export const TAG_GRAMMAR = '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'

const HOST = '(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{1,5})?'
const REFERENCE = new RegExp(`^(${HOST})/(${REPOSITORY_GRAMMAR})(?::(${TAG_GRAMMAR}))?(?:@([a-z0-9]+:[0-9a-f]+))?$`)

/** Where an artifact is: a registry, a repository in it, and a tag, a digest or both (then the digest decides). */
export interface OciReference {
  /** Host name or address with its port, if one was given. */
  readonly host: string
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: Digest | undefined
}

/**
 * Reads `oci://host:port/repository:tag@sha256:…`; the scheme may be missing, a missing tag is `latest`.
 * @throws `reference-invalid`
 */
export function parseOciReference(text: string): OciReference {
  const bare = text.startsWith('oci://') ? text.slice('oci://'.length) : text
  const match = REFERENCE.exec(bare)
  const [, host, repository, tag, digest] = match ?? []
  if (host === undefined || repository === undefined || (digest !== undefined && !isDigest(digest))) {
    throw new AppError(
      'reference-invalid',
      `Cannot read "${text}" as an artifact reference: oci://HOST/REPOSITORY:TAG or …@sha256:DIGEST is expected`,
    )
  }
  return { host, repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest }
}

/** What goes after `/manifests/`. */
export function manifestReference(reference: OciReference): string {
  return reference.digest ?? reference.tag ?? 'latest'
}

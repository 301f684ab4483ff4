import type { Digest } from './digest.ts'

/** What cosign's "Signature Storage" appends to the tag of a subject: signatures, attestations, bills of materials. */
const COSIGN_SUFFIXES = ['.sig', '.att', '.sbom'] as const

/** The longest tag (distribution-spec "Pulling manifests"); one of a sha512 digest is cut. */
const MAX_TAG = 128

/** The tag that lists what refers to `subject` where there is no referrers API (distribution-spec "Referrers Tag Schema"). */
export function referrersTag(subject: Digest): string {
  return subject.replace(':', '-').slice(0, MAX_TAG)
}

/** The tags under which cosign attaches to `subject`; a sha512 digest leaves no room for them. */
export function cosignTags(subject: Digest): readonly string[] {
  return subject.startsWith('sha256:') ? COSIGN_SUFFIXES.map((suffix) => `${referrersTag(subject)}${suffix}`) : []
}

/** The one of `cosignTags` with the signatures, where skopeo and podman put theirs too. */
export function signatureTag(subject: Digest): string {
  return `${referrersTag(subject)}.sig`
}

/** Every tag that attaches to `subject`. */
export function attachedTagsOf(subject: Digest): readonly string[] {
  return [referrersTag(subject), ...cosignTags(subject)]
}

/** True for a tag that names a subject, whether that is here or not: no person chose it. */
export function isAttachedTag(tag: string): boolean {
  return /^(?:sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?|sha512-[0-9a-f]{121})$/.test(tag)
}

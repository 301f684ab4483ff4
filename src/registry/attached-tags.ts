import type { Digest } from '../shared/digest.ts'

/** What cosign appends to the tag of a subject for its signatures, attestations and bills of materials. */
const SUFFIXES = ['', '.sig', '.att', '.sbom']

/** The longest tag (distribution-spec "Pulling manifests"); a sha512 digest does not fit and is cut. */
const MAX_TAG = 128

/**
 * The tags under which clients that know no referrers API attach things to the manifest `digest`: `sha256-<hex>`
 * (distribution-spec "Referrers Tag Schema") and cosign's `sha256-<hex>.sig`, `.att`, `.sbom`.
 */
export function attachedTagsOf(digest: Digest): readonly string[] {
  const tag = digest.replace(':', '-')
  return SUFFIXES.map((suffix) => `${tag}${suffix}`.slice(0, MAX_TAG)).filter(
    (name, index, all) => all.indexOf(name) === index,
  )
}

/** True for a tag that names a subject, whether that is here or not: no person chose it. */
export function isAttachedTag(tag: string): boolean {
  return /^(?:sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?|sha512-[0-9a-f]{121})$/.test(tag)
}

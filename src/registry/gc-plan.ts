import { attachedTagsOf, isAttachedTag } from '../shared/attached-tags.ts'
import type { Digest } from '../shared/digest.ts'
import type { RepositoryRetention } from './retention.ts'
import type { ManifestFacts, RepositoryContents, TagFacts } from './storage/storage.ts'

/** What goes from one repository. */
export interface CollectionPlan {
  readonly tags: readonly TagFacts[]
  /** Owners before what belongs to them. `tags` are those that go with the manifest. */
  readonly manifests: readonly { readonly manifest: ManifestFacts; readonly tags: readonly string[] }[]
}

/**
 * Decides which tags and manifests of a repository go. Pure.
 *
 * A manifest belongs to the indexes that list it, to its subject, and to the subject its tag `sha256-<hex>…` names. What
 * belongs to something lives and dies with it, unless a tag of its own keeps it. Of the others those go that lost their
 * last tag to `retention`, were released before `before` (their owner was removed), or are untagged for too long.
 */
export function planCollection(
  { manifests, tags }: RepositoryContents,
  retention: RepositoryRetention,
  { now, before }: { readonly now: Date; readonly before: Date },
): CollectionPlan {
  const expired = new Set(retention.expired(tags, now))
  const left = tags.filter((tag) => !expired.has(tag))
  const tagsOf = Map.groupBy(left, ({ digest }) => digest)
  const lost = new Set([...expired].map(({ digest }) => digest))
  const owners = ownersOf(manifests, left)

  const isTagged = ({ digest }: ManifestFacts) => tagsOf.get(digest)?.some(({ name }) => !isAttachedTag(name)) ?? false
  function goes(manifest: ManifestFacts): boolean {
    const { digest, subject, releasedAt, untaggedAt, pushedAt } = manifest
    if (lost.has(digest)) return true
    if (releasedAt !== undefined) return releasedAt <= before
    if (subject !== undefined || tagsOf.has(digest) || retention.untaggedAfter === undefined) return false
    return (untaggedAt ?? pushedAt).getTime() <= now.getTime() - retention.untaggedAfter
  }

  const mortal = manifests.filter((manifest) => !isTagged(manifest))
  const doomed = new Set(mortal.filter((each) => !owners.has(each.digest) && goes(each)).map(({ digest }) => digest))
  const waiting = new Set(mortal.filter(({ digest }) => owners.has(digest)))
  for (let before = -1; before !== doomed.size; ) {
    before = doomed.size
    for (const each of waiting) {
      if (![...(owners.get(each.digest) ?? [])].every((owner) => doomed.has(owner))) continue
      doomed.add(each.digest)
      waiting.delete(each)
    }
  }
  const facts = new Map(manifests.map((manifest) => [manifest.digest, manifest]))
  return {
    tags: [...expired],
    manifests: [...doomed].flatMap((digest) => {
      const manifest = facts.get(digest)
      return manifest === undefined ? [] : [{ manifest, tags: tagsOf.get(digest)?.map(({ name }) => name) ?? [] }]
    }),
  }
}

/** What each manifest belongs to, of what is present. */
function ownersOf(
  manifests: readonly ManifestFacts[],
  tags: readonly TagFacts[],
): ReadonlyMap<Digest, ReadonlySet<Digest>> {
  const present = new Set(manifests.map(({ digest }) => digest))
  const owners = new Map<Digest, Set<Digest>>()
  function belongs(digest: Digest, owner: Digest | undefined): void {
    if (owner === undefined || owner === digest || !present.has(owner)) return
    const known = owners.get(digest)
    if (known === undefined) owners.set(digest, new Set([owner]))
    else known.add(owner)
  }
  // Few repositories have such tags, and the names of all that could be are many.
  const attached = tags.filter(({ name }) => isAttachedTag(name))
  const named = attached.length === 0 ? [] : manifests
  const subjects = new Map(named.flatMap(({ digest }) => attachedTagsOf(digest).map((tag) => [tag, digest])))
  for (const { digest, subject, children } of manifests) {
    belongs(digest, subject)
    for (const child of children) belongs(child, digest)
  }
  for (const { name, digest } of attached) belongs(digest, subjects.get(name))
  return owners
}

import { isAttachedTag } from '../shared/attached-tags.ts'
import type { Glob } from './access/glob.ts'
import { compileGlob } from './access/glob.ts'
import type { RepositoryPattern } from './access/rules.ts'
import type { TagFacts } from './storage/storage.ts'

/** A tag in which `*` stands for anything. */
export interface TagPattern {
  readonly text: string
  readonly expression: Glob
}

/**
 * How long tags stay. The first rule that names both the repository and the tag decides; a rule that keeps nothing in
 * particular keeps all. A tag stays when one of `keep_last` and `keep_within` keeps it.
 */
export interface RetentionRule {
  readonly repositories: readonly RepositoryPattern[]
  /** Undefined: every tag. */
  readonly tags: readonly TagPattern[] | undefined
  /** That many stay, those that were pushed last. */
  readonly keep_last: number | undefined
  /** Seconds since the last push of the tag. */
  readonly keep_within: number | undefined
  /** Seconds after which manifests that no tag and no index names go. Undefined: never. */
  readonly untagged_after: number | undefined
}

/** Tags that, once pushed, neither move nor go. */
export interface ImmutableRule {
  readonly repositories: readonly RepositoryPattern[]
  /** Undefined: every tag. */
  readonly tags: readonly TagPattern[] | undefined
}

/** What a policy says of the life of tags. */
export interface RetentionPolicy {
  readonly retention: readonly RetentionRule[]
  readonly immutable_tags: readonly ImmutableRule[]
}

/** Undefined when `text` can match no tag. */
export function parseTagPattern(text: string): TagPattern | undefined {
  if (!/^[A-Za-z0-9_.*-]{1,128}$/.test(text) || (text.match(/\*/g) ?? []).length > 6 || text.includes('**'))
    return undefined
  return { text, expression: compileGlob(text) }
}

/** The policy of one repository. */
export interface RepositoryRetention {
  /** True for a tag that must stay where it is. */
  isFixed(tag: string): boolean
  /** The tags to go. Those that belong to a subject go with it, never by themselves. */
  expired(tags: readonly TagFacts[], now: Date): readonly TagFacts[]
  /** Milliseconds; undefined: untagged manifests stay. */
  readonly untaggedAfter: number | undefined
}

/** Narrows the policy down to one repository. Pure. */
export function retentionOf(policy: RetentionPolicy, repository: string): RepositoryRetention {
  const covers = ({ repositories }: { repositories: readonly RepositoryPattern[] }) =>
    repositories.some(({ expression }) => expression.test(repository))
  const rules = policy.retention.filter(covers)
  const fixed = policy.immutable_tags.filter(covers)
  const isFixed = (tag: string) => fixed.some((rule) => names(rule, tag))
  const untagged = rules.find(({ untagged_after }) => untagged_after !== undefined)?.untagged_after
  return {
    isFixed,
    expired(tags, now) {
      const mortal = tags.filter(({ name }) => !isAttachedTag(name) && !isFixed(name))
      const governed = Map.groupBy(mortal, ({ name }) => rules.find((rule) => names(rule, name)))
      return [...governed].flatMap(([rule, group]) => (rule === undefined ? [] : expiredBy(rule, group, now)))
    },
    untaggedAfter: untagged === undefined ? undefined : untagged * 1000,
  }
}

function names({ tags }: { tags: readonly TagPattern[] | undefined }, tag: string): boolean {
  return tags === undefined || tags.some(({ expression }) => expression.test(tag))
}

function expiredBy(
  { keep_last, keep_within }: RetentionRule,
  tags: readonly TagFacts[],
  now: Date,
): readonly TagFacts[] {
  if (keep_last === undefined && keep_within === undefined) return []
  const since = now.getTime() - (keep_within ?? 0) * 1000
  return tags
    .toSorted((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime() || (a.name < b.name ? 1 : -1))
    .filter((_, index) => index >= (keep_last ?? 0))
    .filter(({ updatedAt }) => keep_within === undefined || updatedAt.getTime() < since)
}

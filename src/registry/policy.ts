import { parseDocument } from 'yaml'
import { AppError, type Problem } from '../shared/errors.ts'
import { REPOSITORY_GRAMMAR } from '../shared/oci-reference.ts'
import { ROLES } from '../shared/role.ts'
import type { Who } from './access/rules.ts'
import { ACTIONS, parseRepositoryPattern, type RepositoryPattern, type Rule } from './access/rules.ts'
import type { MirrorRule } from './mirror/rule.ts'
import { mirrorRule } from './mirror/rule.ts'
import type { Field, Place } from './policy-fields.ts'
import { byteSize, duration, list, oneOf, optional, record, refuse, text, wholeNumber } from './policy-fields.ts'
import type { ImmutableRule, RetentionPolicy, RetentionRule, TagPattern } from './retention.ts'
import { parseTagPattern } from './retention.ts'

/** How much may be stored in a repository and those below it. */
export interface Quota {
  /** `team` covers `team` and `team/…`; empty covers everything. */
  readonly prefix: string
  readonly bytes: number
}

/** How many blobs are on their way at the same time; undefined is no limit. */
export interface Limits {
  readonly downloads: number | undefined
  readonly downloads_per_client: number | undefined
  readonly uploads: number | undefined
  readonly uploads_per_client: number | undefined
}

/** The document as written; docs/registry-access.md describes it field by field. */
export interface Policy extends RetentionPolicy {
  /** Path of an htpasswd file, relative to the policy's own directory. */
  readonly htpasswd: string | undefined
  /** `auto`: bearer when something is open to everybody, else basic. */
  readonly scheme: 'auto' | 'basic' | 'bearer'
  /** `https://HOST:PORT` as clients see it, when a proxy stands in between. */
  readonly public_url: string | undefined
  readonly token_lifetime: number
  /** Undefined is not empty: see `LoadedPolicy.isOpen`. */
  readonly rules: readonly Rule[] | undefined
  readonly quotas: readonly Quota[]
  readonly limits: Limits
  /** Repositories that are another registry's; docs/registry-mirror.md. */
  readonly mirrors: readonly MirrorRule[]
}

/** A policy is a few hundred lines; more is a mistake. */
export const MAX_POLICY_BYTES = 1 << 20

const NO_LIMITS: Limits = {
  downloads: undefined,
  downloads_per_client: undefined,
  uploads: undefined,
  uploads_per_client: undefined,
}

/** containers/image takes a shorter life for 60 s; what is revoked must not live long. */
const [LEAST_LIFETIME, DEFAULT_LIFETIME, MOST_LIFETIME] = [60, 300, 86_400]

const USER = /^user:[^\s:]{1,128}$/
const ROLE_WORDS = ROLES.map((role) => `role:${role}` as const)

const limit = optional(wholeNumber(1, 1_000_000), undefined)

const FIELDS = record<Policy>({
  htpasswd: optional(text(/^[^\0]{1,4096}$/, 'a path'), undefined),
  scheme: optional(oneOf('auto', 'basic', 'bearer'), 'auto'),
  public_url: optional(text(/^https?:\/\/[A-Za-z0-9.:[\]-]{1,255}$/, 'https://HOST:PORT'), undefined),
  token_lifetime: optional(lifetime, DEFAULT_LIFETIME),
  rules: optional(
    list<Rule>(
      checked(
        record<Rule>({ repositories: list(pattern, 1), who: list(who, 1), allow: list(oneOf(...ACTIONS), 1) }),
        jobsOnlyPull,
      ),
    ),
    undefined,
  ),
  quotas: optional(list<Quota>(record<Quota>({ prefix, bytes: byteSize })), []),
  limits: optional(
    record<Limits>({ downloads: limit, downloads_per_client: limit, uploads: limit, uploads_per_client: limit }),
    NO_LIMITS,
  ),
  mirrors: optional(list<MirrorRule>(mirrorRule), []),
  retention: optional(
    list<RetentionRule>(
      record<RetentionRule>({
        repositories: list(pattern, 1),
        tags: optional(list(tagPattern, 1), undefined),
        keep_last: optional(wholeNumber(1, 1_000_000), undefined),
        keep_within: optional(duration, undefined),
        untagged_after: optional(duration, undefined),
      }),
    ),
    [],
  ),
  immutable_tags: optional(
    list<ImmutableRule>(
      record<ImmutableRule>({ repositories: list(pattern, 1), tags: optional(list(tagPattern, 1), undefined) }),
    ),
    [],
  ),
})

/**
 * Reads a policy written as YAML 1.2 or JSON.
 * @throws `config-invalid` with every problem and its path
 */
export function parsePolicyText(source: string): Policy {
  const problems: Problem[] = []
  const policy = FIELDS(parseYaml(source), { path: '', problems })
  if (policy === undefined || problems.length > 0) throw invalid(problems)
  return policy
}

function parseYaml(source: string): unknown {
  const document = parseDocument(source, { uniqueKeys: true, prettyErrors: true, version: '1.2' })
  const syntax = document.errors.map(({ message }) => ({
    path: '',
    code: 'syntax',
    message: message.split('\n')[0] ?? '',
  }))
  if (syntax.length > 0) throw invalid(syntax)
  try {
    return document.toJS({ maxAliasCount: 20 }) ?? {}
  } catch (cause) {
    throw new AppError('config-invalid', 'Cannot read the registry policy: it has too many aliases', { cause })
  }
}

function invalid(problems: readonly Problem[]): AppError {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  return new AppError('config-invalid', `Cannot use the registry policy: it has ${count}`, { problems })
}

function pattern(value: unknown, place: Place): RepositoryPattern | undefined {
  const found = typeof value === 'string' ? parseRepositoryPattern(value) : undefined
  return found ?? refuse(place, 'pattern', 'is not a repository such as "team/app", "team/*" or "**"')
}

function tagPattern(value: unknown, place: Place): TagPattern | undefined {
  const found = typeof value === 'string' ? parseTagPattern(value) : undefined
  return found ?? refuse(place, 'pattern', 'is not a tag such as "latest" or "v*"')
}

function who(value: unknown, place: Place): Who | undefined {
  const words: readonly string[] = ['anonymous', 'authenticated', 'job', ...ROLE_WORDS]
  if (typeof value === 'string' && (words.includes(value) || USER.test(value))) return value as Who
  return refuse(place, 'who', `must be "user:NAME" or one of ${words.join(', ')}`)
}

function prefix(value: unknown, place: Place): string | undefined {
  if (value === '' || (typeof value === 'string' && new RegExp(`^${REPOSITORY_GRAMMAR}$`).test(value))) return value
  return refuse(place, 'pattern', 'is not the beginning of repository names such as "team" (or "" for all)')
}

function lifetime(value: unknown, place: Place): number | undefined {
  const seconds = duration(value, place)
  if (seconds === undefined || (seconds >= LEAST_LIFETIME && seconds <= MOST_LIFETIME)) return seconds
  return refuse(place, 'duration', `must be from ${LEAST_LIFETIME} to ${MOST_LIFETIME} seconds`)
}

function jobsOnlyPull({ who: named, allow }: Rule, place: Place): void {
  if (!named.includes('job') || allow.every((action) => action === 'pull')) return
  refuse(place, 'job', 'a rule for jobs can only allow "pull": a job never writes to the registry')
}

function checked<T>(field: Field<T>, check: (value: T, place: Place) => void): Field<T> {
  return (value, place) => {
    const found = field(value, place)
    if (found !== undefined) check(found, place)
    return found
  }
}

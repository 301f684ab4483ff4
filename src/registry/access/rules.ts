import type { Role } from '../../shared/role.ts'
import type { Caller } from './callers.ts'
import type { Glob } from './glob.ts'
import { compileGlob } from './glob.ts'

export type Action = 'pull' | 'push' | 'delete'

export const ACTIONS = ['pull', 'push', 'delete'] as const satisfies readonly Action[]

/** `anonymous` is nobody; `authenticated` every user and account, never a job. */
export type Who = 'anonymous' | 'authenticated' | 'job' | `user:${string}` | `role:${Role}`

/** Rules only add: what no rule allows is denied, and their order does not matter. */
export interface Rule {
  readonly repositories: readonly RepositoryPattern[]
  readonly who: readonly Who[]
  readonly allow: readonly Action[]
}

/** A repository name in which `*` stands for a part without "/" and `**` for anything. */
export interface RepositoryPattern {
  readonly text: string
  readonly expression: Glob
}

/** Undefined when `text` can match no repository. */
export function parseRepositoryPattern(text: string): RepositoryPattern | undefined {
  if (!/^[a-z0-9._/*-]{1,255}$/.test(text) || /\*{3}|\/\/|^\/|\/$/.test(text)) return undefined
  return { text, expression: compileGlob(text) }
}

/** What roles may do while no rule names them: rights that worked before there was a policy go on working. */
const ROLE_RIGHTS: Readonly<Record<Role, readonly Action[]>> = {
  admin: ACTIONS,
  operator: ACTIONS,
  reader: ['pull'],
}

/** What the caller may do with a repository. Pure. */
export function rightsOf(rules: readonly Rule[], caller: Caller, repository: string): ReadonlySet<Action> {
  if (caller.kind === 'job') return jobRights(rules, caller.repositories, repository)
  const given = rules.filter((rule) => names(rule, caller) && covers(rule, repository)).flatMap(({ allow }) => allow)
  const own = caller.kind === 'account' && !isNamed(rules, `role:${caller.role}`) ? ROLE_RIGHTS[caller.role] : []
  return new Set([...given, ...own])
}

/** True when some repository is open to everybody. */
export function hasAnonymous(rules: readonly Rule[]): boolean {
  return isNamed(rules, 'anonymous')
}

/** A job pulls what its recipe names, and nothing else; rules that name jobs can only narrow that. */
function jobRights(rules: readonly Rule[], own: readonly string[], repository: string): ReadonlySet<Action> {
  if (!own.includes(repository)) return new Set()
  const narrowed = isNamed(rules, 'job')
  const allowed = !narrowed || rules.some((rule) => rule.who.includes('job') && covers(rule, repository))
  return new Set(allowed ? ['pull'] : [])
}

function isNamed(rules: readonly Rule[], who: Who): boolean {
  return rules.some((rule) => rule.who.includes(who))
}

/** What is open to everybody is open to those who logged in, too. */
function names({ who }: Rule, caller: Caller): boolean {
  if (who.includes('anonymous')) return true
  if (caller.kind === 'user') return who.includes('authenticated') || who.includes(`user:${caller.name}`)
  if (caller.kind === 'account') return who.includes('authenticated') || who.includes(`role:${caller.role}`)
  return false
}

function covers({ repositories }: Rule, repository: string): boolean {
  return repositories.some(({ expression }) => expression.test(repository))
}

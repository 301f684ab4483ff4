import type { LoadedPolicy } from '../policy-file.ts'
import { hasAnonymous } from './rules.ts'

export interface Challenged {
  readonly repository: string | undefined
  readonly access: string
  /** `https://HOST:PORT` under which the client came. */
  readonly origin: string
}

/** What `scope` a client has to ask for: whoever pushes reads as well. */
const ACTIONS_FOR: Readonly<Record<string, string>> = { pull: 'pull', push: 'pull,push', delete: 'delete' }

/**
 * The WWW-Authenticate of a 401. Bearer when something is open to everybody: containers/image then fetches an anonymous
 * token and logs in where that is not enough. It never sends a login to a registry whose /v2/ does not ask for one, and
 * docker refuses Basic without a login.
 */
export function challenge(
  policy: LoadedPolicy,
  { repository, access, origin }: Challenged,
  error?: 'invalid_token' | 'insufficient_scope',
): string {
  if (!usesBearer(policy)) return 'Basic realm="provisioner"'
  const base = policy.public_url ?? origin
  const fields = [`realm="${base}/v2/token"`, `service="${serviceOf(base)}"`]
  if (repository !== undefined) fields.push(`scope="repository:${repository}:${ACTIONS_FOR[access] ?? access}"`)
  else if (access === 'catalog') fields.push('scope="registry:catalog:*"')
  if (error !== undefined) fields.push(`error="${error}"`)
  return `Bearer ${fields.join(',')}`
}

function usesBearer({ scheme, rules }: LoadedPolicy): boolean {
  return scheme === 'bearer' || (scheme === 'auto' && hasAnonymous(rules))
}

/** The registry by name: its host and port. */
function serviceOf(base: string): string {
  return base.replace(/^https?:\/\//, '')
}

/** Where the client thinks it is; a Host that is none is not repeated. */
export function originOf(secure: boolean, host: string | undefined): string {
  const safe = /^[A-Za-z0-9.:[\]-]{1,255}$/.test(host ?? '') ? host : 'localhost'
  return `${secure ? 'https' : 'http'}://${safe}`
}

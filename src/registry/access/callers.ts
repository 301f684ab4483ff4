import type { LoginThrottle } from '../../shared/passwords/login-throttle.ts'
import type { Role } from '../../shared/role.ts'

/** Who asks, as far as the registry knows. */
export type Caller =
  | { readonly kind: 'anonymous' }
  /** Somebody of the htpasswd file. */
  | { readonly kind: 'user'; readonly name: string; readonly stamp: string }
  /** An account of the controller, with the role of its API token. */
  | { readonly kind: 'account'; readonly name: string; readonly role: Role; readonly stamp: string }
  /** A running job: it may pull these repositories and do nothing else. */
  | { readonly kind: 'job'; readonly name: string; readonly repositories: readonly string[]; readonly stamp: string }

export const ANONYMOUS: Caller = { kind: 'anonymous' }

/** For the log and the audit line. */
export function callerName(caller: Caller): string {
  return caller.kind === 'anonymous' ? 'anonymous' : `${caller.kind}:${caller.name}`
}

export interface Login {
  /** Undefined for a password that came as `Authorization: Bearer`. */
  readonly username: string | undefined
  readonly password: string
  /** Where it came from; undefined where there is no socket. */
  readonly address?: string | undefined
}

/** A place where callers are known: the htpasswd file, the controller's accounts, its jobs. */
export interface Callers {
  /** Undefined when name and password do not belong together here. */
  verify(login: Login): Promise<Caller | undefined>
  /**
   * The caller of a token issued earlier, as it is now, by the `stamp` it had then; undefined when it is gone or has
   * another password since. A stamp is a text without secrets; it is signed, but its holder can read it.
   */
  recall(stamp: string): Promise<Caller | undefined>
}

/**
 * Several places, asked in their order: first those whose secrets nobody can guess, then those whose passwords people chose,
 * where wrong ones are counted.
 */
export function knownIn(keys: readonly Callers[], people: readonly Callers[], throttle: LoginThrottle): Callers {
  async function first(
    places: readonly Callers[],
    ask: (place: Callers) => Promise<Caller | undefined>,
  ): Promise<Caller | undefined> {
    for (const place of places) {
      const found = await ask(place)
      if (found !== undefined) return found
    }
    return undefined
  }
  return {
    async verify(login) {
      const found = await first(keys, (place) => place.verify(login))
      const { username, password, address } = login
      if (found !== undefined || username === undefined) return found
      return throttle.attempt({ username, password, address }, () => first(people, (place) => place.verify(login)))
    },
    recall: (stamp) => first([...keys, ...people], (place) => place.recall(stamp)),
  }
}

/** User and password of `Authorization: Basic` (RFC 7617); undefined when the header is not one. */
export function basicLogin(authorization: string | undefined): Login | undefined {
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? '')
  const [username, ...rest] = Buffer.from(match?.[1] ?? '', 'base64')
    .toString('utf8')
    .split(':')
  return match === null || username === undefined || rest.length === 0
    ? undefined
    : { username, password: rest.join(':') }
}

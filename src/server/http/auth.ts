import type { Context } from 'hono'
import { AppError } from '../../shared/errors.ts'
import type { Role } from '../../shared/role.ts'
import { includesRole } from '../../shared/role.ts'
import type { Account } from '../store/tokens.ts'
import { addressOf } from './address.ts'

/** What an Authorization header says: the username is undefined for Bearer (RFC 6750), which is a token. */
export interface Credentials {
  readonly username: string | undefined
  readonly password: string
}

/** Reads Bearer, or Basic (RFC 7617): a user and password, or any name and a token. */
function credentialsOf(header: string | undefined): Credentials | undefined {
  const [scheme, value] = header?.split(' ', 2) ?? []
  if (value === undefined) return undefined
  if (/^bearer$/i.test(scheme ?? '')) return { username: undefined, password: value }
  if (!/^basic$/i.test(scheme ?? '')) return undefined
  const [username, ...rest] = Buffer.from(value, 'base64').toString('utf8').split(':')
  return username === undefined || rest.length === 0 ? undefined : { username, password: rest.join(':') }
}

export interface AuthDeps {
  readonly accounts: {
    /** @throws `rate-limited` */
    login(login: Credentials & { readonly address: string | undefined }): Promise<Account | undefined>
  }
}

/** Who is calling. @throws `unauthenticated`, `rate-limited` */
export function accountByLogin({ accounts }: AuthDeps): (c: Context) => Promise<Account> {
  return async (c) => {
    const credentials = credentialsOf(c.req.header('authorization'))
    const account = credentials && (await accounts.login({ ...credentials, address: addressOf(c) }))
    if (account !== undefined) return account
    throw new AppError('unauthenticated', 'Cannot answer: a valid API token, or a user and password, is needed')
  }
}

/** @throws `forbidden` */
export function checkRole(account: Account, lowest: Role): void {
  if (includesRole(account.role, lowest)) return
  throw new AppError('forbidden', `Cannot do that: "${account.name}" is ${account.role}, and this needs ${lowest}`)
}

import type { AppError } from '../../shared/errors.ts'
import { refusal } from '../jobs/bmc-refusal.ts'
import { isOk, type RedfishAnswer, refused } from './answer.ts'
import { linkAt, textAt } from './json.ts'

export interface Account {
  readonly username: string
  readonly password: string
}

export type Credentials =
  | { readonly kind: 'session'; readonly token: string; readonly location: string | undefined }
  /** With the session that was opened and gave no token. */
  | { readonly kind: 'basic'; readonly location?: string | undefined }

/** What logging in needs of the client: one exchange, with the given headers and nothing more. */
export type SendBare = (
  method: 'GET' | 'POST',
  link: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
) => Promise<RedfishAnswer>

/** Answers that mean "no sessions here": sushy's emulator has no session service at all. */
const NO_SESSIONS = [404, 405, 501]

export function credentialHeaders(credentials: Credentials, account: Account): Readonly<Record<string, string>> {
  if (credentials.kind === 'session') return { 'X-Auth-Token': credentials.token }
  const pair = Buffer.from(`${account.username}:${account.password}`, 'utf8').toString('base64')
  return { Authorization: `Basic ${pair}` }
}

/**
 * Logs in by a session (DSP0266 "Redfish session login authentication"), or settles for Basic where there are no
 * sessions. The collection is found through the service root, which needs no login.
 */
export async function logIn(send: SendBare, root: unknown, account: Account): Promise<Credentials> {
  const sessions = linkAt(root, 'Links', 'Sessions') ?? (await sessionsOfService(send, root, account))
  if (sessions === undefined) return { kind: 'basic' }
  const answer = await send('POST', sessions, { UserName: account.username, Password: account.password }, {})
  if (NO_SESSIONS.includes(answer.status)) return { kind: 'basic' }
  if (answer.status === 401 || answer.status === 403) throw loginRefused(answer)
  if (!isOk(answer)) throw refused('log in to the BMC', answer, { reason: 'login' })
  const token = answer.headers['x-auth-token']
  const location = answer.headers.location ?? textAt(answer.body, '@odata.id')
  if (typeof token !== 'string' || token === '') return { kind: 'basic', location }
  return { kind: 'session', token, location }
}

export function loginRefused(answer: RedfishAnswer): AppError<'redfish-answer'> {
  const { method, path, status } = answer
  const cause = refused('use this account', answer)
  const message = 'Cannot log in to the BMC: it refuses the user name or the password'
  return refusal('redfish-answer', message, { method, path, status, reason: 'login', cause })
}

async function sessionsOfService(send: SendBare, root: unknown, account: Account): Promise<string | undefined> {
  const service = linkAt(root, 'SessionService')
  if (service === undefined) return undefined
  const answer = await send('GET', service, undefined, credentialHeaders({ kind: 'basic' }, account))
  return isOk(answer) ? linkAt(answer.body, 'Sessions') : undefined
}

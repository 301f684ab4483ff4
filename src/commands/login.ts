import { hostname } from 'node:os'
import type { Controller } from '../client/controller.ts'
import { checkAddress, connectController } from '../client/controller.ts'
import type { StoredLogin } from '../client/stored-login.ts'
import { readLogin, removeLogin, writeLogin } from '../client/stored-login.ts'
import { fetchOfferedCa } from '../client/trust.ts'
import { AppError, errorText, isAppError } from '../shared/errors.ts'
import { fingerprintOf, isSameFingerprint } from '../shared/fingerprint.ts'
import { systemClock } from '../shared/time.ts'
import type { Command, Invocation, Io } from './command.ts'
import { readSecret } from './input.ts'
import { printable } from './printable.ts'

const TOKEN_DAYS = 30

/** `provisioner login`: keeps where the controller is, whom to trust there, and a token. */
export const login: Command = {
  name: 'login',
  summary: 'Keep the address of a controller, its CA and a token for the commands to come',
  positionals: [],
  options: {
    controller: { value: 'URL', required: true, doc: 'The controller' },
    'token-file': { value: 'FILE', doc: 'File with an API token; "-" is standard input' },
    username: { value: 'NAME', twin: false, doc: `Log in as a user: a token for ${TOKEN_DAYS} days is made and kept` },
    'password-file': {
      value: 'FILE',
      twin: false,
      doc: 'File with the password of the user, else it is asked for; "-" is standard input',
    },
    ca: { value: 'FILE', doc: "The controller's CA certificate, PEM" },
    fingerprint: {
      value: 'SHA256',
      twin: false,
      doc: 'The fingerprint of its CA, as the controller prints it when it starts',
    },
  },
  examples: [
    'provisioner login --controller https://192.0.2.1:8443 --username ann --password-file - --fingerprint 3A:41:...',
    'provisioner login --controller https://192.0.2.1:8443 --token-file token --ca ca.pem',
  ],
  async run(invocation) {
    const { io } = invocation
    const controller = invocation.required('controller').replace(/\/+$/, '')
    checkAddress(controller, invocation)
    const caPem = await trustedCa(invocation, controller)
    const { authorization, token: given } = await credentials(invocation)
    const access = { controller, caPem: caPem ?? undefined, authorization }
    const { get, post } = connectController(access, invocation.signal)
    const account = await get<{ name: string; role: string }>('/whoami')
    const former = await formerLogin(io)
    const made = given === undefined ? await newToken(post) : { token: given, id: null }
    const kept: StoredLogin = { controller, token: made.token, tokenId: made.id, caPem }
    const path = await writeLogin(io, kept).catch(async (error: unknown) => {
      await revoke(kept, io, invocation.signal)
      throw error
    })
    // Nobody would know it any more.
    if (former !== undefined && former.token !== kept.token) await revoke(former, io, invocation.signal)
    io.out(`Logged in to ${controller} as ${account.name} (${account.role}); kept in ${path}\n`)
    return 0
  },
}

/** `provisioner logout`: forgets it. */
export const logout: Command = {
  name: 'logout',
  summary: 'Forget the stored login; a token that "login" made is revoked, one that it was given stays valid',
  positionals: [],
  options: {},
  examples: ['provisioner logout'],
  async run({ io, signal }) {
    const login = await formerLogin(io)
    await removeLogin(io)
    if (login !== undefined) await revoke(login, io, signal)
    io.out('Logged out\n')
    return 0
  },
}

/** What cannot be read is removed or replaced all the same. */
async function formerLogin(io: Io): Promise<StoredLogin | undefined> {
  return readLogin(io).catch((error: unknown) => {
    if (!isAppError(error)) throw error
    return undefined
  })
}

/**
 * Ends a token that a login has made. Whoever logs out is out, also when the controller is away: then the token ends when its
 * time is over.
 */
async function revoke({ controller, caPem, token, tokenId }: StoredLogin, io: Io, signal: AbortSignal): Promise<void> {
  if (tokenId === null) return
  const access = { controller, caPem: caPem ?? undefined, authorization: `Bearer ${token}` }
  try {
    await connectController(access, signal).delete(`/tokens/${encodeURIComponent(tokenId)}`)
  } catch (error) {
    if (!isAppError(error)) throw error
    // It has ended, or somebody else has revoked it.
    if (error.code === 'unauthenticated' || error.code === 'token-not-found') return
    io.err(`The token that "login" made stays valid: ${printable(errorText(error))}\n`)
  }
}

/** Trust on first use, but never in silence: somebody compares the fingerprint. @throws `usage` */
async function trustedCa(invocation: Invocation, controller: string): Promise<string | null> {
  const { io, text, signal } = invocation
  const file = text('ca')
  const wanted = text('fingerprint')
  if (file !== undefined) {
    const pem = await readSecret(io, file)
    if (wanted !== undefined && !isSameFingerprint(fingerprintOf(pem), wanted)) throw otherCa(fingerprintOf(pem))
    return `${pem}\n`
  }
  if (!controller.startsWith('https://')) return null
  const offered = await fetchOfferedCa(controller, signal)
  if (offered === undefined) return null
  if (wanted !== undefined) {
    if (!isSameFingerprint(offered.fingerprint, wanted)) throw otherCa(offered.fingerprint)
    return offered.pem
  }
  const answer = await io.ask(
    `The CA of ${controller} has the fingerprint\n  ${offered.fingerprint}\nTrust it? (yes/no) `,
  )
  if (answer === undefined)
    throw invocation.usage('--fingerprint SHA256 or --ca FILE is missing, and there is nobody to ask')
  if (answer.trim().toLowerCase() !== 'yes') throw new AppError('usage', 'Cannot log in: the CA is not trusted')
  return offered.pem
}

function otherCa(found: string): AppError {
  return new AppError('usage', `Cannot trust the controller: the fingerprint of its CA is ${found}`)
}

/** What proves who it is; of a user it is not kept. */
async function credentials(invocation: Invocation): Promise<{ authorization: string; token: string | undefined }> {
  const { io, text } = invocation
  const username = text('username')
  if (username === undefined) {
    const file = text('token-file')
    const token = (file === undefined ? (io.env['PROVISIONER_TOKEN'] ?? '') : await readSecret(io, file)).trim()
    if (token === '') throw invocation.usage('--token-file FILE or --username NAME is missing')
    return { authorization: `Bearer ${token}`, token }
  }
  const file = text('password-file')
  const password = file === undefined ? await io.askHidden(`Password of ${username}: `) : await readSecret(io, file)
  if (password === undefined) throw invocation.usage('--password-file FILE is missing ("-" is standard input)')
  const login = `${username}:${password}`
  return { authorization: `Basic ${Buffer.from(login).toString('base64')}`, token: undefined }
}

async function newToken(post: Controller['post']): Promise<{ readonly token: string; readonly id: string }> {
  const expires = new Date(systemClock.now().getTime() + TOKEN_DAYS * 86_400_000)
  const body = { name: `login from ${hostname()}`.slice(0, 64), expires_at: expires.toISOString() }
  return post('/tokens', body)
}

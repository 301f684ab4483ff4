import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../shared/files.ts'
import type { Logger } from '../../shared/log.ts'
import type { LoginThrottle } from '../../shared/passwords/login-throttle.ts'
import { createLoginThrottle } from '../../shared/passwords/login-throttle.ts'
import { absent } from '../../shared/system-error.ts'
import type { Clock } from '../../shared/time.ts'
import type { Handler } from '../call.ts'
import { parsePolicyText } from '../policy.ts'
import type { LoadedPolicy, PolicySource } from '../policy-file.ts'
import { openPolicyFile, withUsers } from '../policy-file.ts'
import { readBounded, requestBody } from '../request-body.ts'
import type { Authorize } from './access.ts'
import { createAuthorize } from './access.ts'
import type { Callers } from './callers.ts'
import { knownIn } from './callers.ts'
import { createTokens } from './token.ts'
import { createTokenEndpoint, MAX_TOKEN_FORM_BYTES } from './token-endpoint.ts'
import { createUsers } from './users.ts'

export interface OpenAccessOptions {
  /** Directory of the registry; the key of tokens lies in it, so that a restart in mid-push leaves them valid. */
  readonly root: string
  /** File with the rights, quotas and limits; read again when it changes. */
  readonly policyFile?: string | undefined
  /** The same from elsewhere. */
  readonly policy?: PolicySource
  /** Where callers beside those of the htpasswd file are known, by secrets that nobody can guess. */
  readonly callers?: Callers
  /** The same, by passwords that people chose. */
  readonly people?: Callers
  /** Counts wrong passwords; shared with whoever else checks some. */
  readonly throttle?: LoginThrottle
  readonly clock: Clock
  readonly log: Logger
}

export interface OpenedAccess {
  readonly policy: PolicySource
  readonly authorize: Authorize
  /** GET and POST /v2/token. */
  readonly token: Handler
  close(): Promise<void>
}

/** Access as a policy describes it; without one, the controller's accounts and jobs have their built-in rights. */
export async function openAccess(options: OpenAccessOptions): Promise<OpenedAccess> {
  const { root, callers, clock, log } = options
  const file = options.policyFile === undefined ? undefined : await openPolicyFile(options.policyFile, log)
  const policy = file ?? options.policy ?? BUILT_IN
  const users = createUsers(policy, clock)
  const people = [users, ...(options.people === undefined ? [] : [options.people])]
  const throttle = options.throttle ?? createLoginThrottle(clock)
  const all = knownIn(callers === undefined ? [] : [callers], people, throttle)
  const tokens = createTokens(await tokenKey(root), clock)
  const issue = createTokenEndpoint({ policy, callers: all, tokens, clock })
  const authorize = createAuthorize({ policy, callers: all, tokens })
  return {
    policy,
    authorize: async (request) => (callers === undefined && policy.current().isOpen ? undefined : authorize(request)),
    async token({ c, query, authorization }) {
      const isForm = c.req.method === 'POST'
      const address = c.env.incoming?.socket.remoteAddress
      const fields = isForm ? await readForm(c) : query
      return c.json(await issue({ authorization, fields, isForm, address }), 200, { 'cache-control': 'no-store' })
    },
    async close() {
      await file?.close()
      await users.close()
    },
  }
}

const BUILT_IN: PolicySource = policyOf('{}')

/** A policy that never changes: no file, no people. */
export function policyOf(text: string, users: LoadedPolicy['users'] = new Map()): PolicySource {
  const policy = withUsers(parsePolicyText(text), users)
  return { current: () => policy }
}

async function readForm(c: Parameters<typeof requestBody>[0]): Promise<URLSearchParams> {
  const bytes = await readBounded(requestBody(c), MAX_TOKEN_FORM_BYTES)
  return new URLSearchParams(Buffer.from(bytes).toString('utf8'))
}

const KEY_BYTES = 32

async function tokenKey(root: string): Promise<Uint8Array> {
  const path = join(root, 'token.key')
  const found = await readFile(path).catch(absent)
  // Another length is no key of ours; tokens signed with it were never valid.
  if (found?.length === KEY_BYTES) return found
  const made = randomBytes(KEY_BYTES)
  await writeFileAtomic(path, made, 0o600)
  return made
}

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredLogin } from '../client/stored-login.ts'
import { readLogin } from '../client/stored-login.ts'
import type { Credentials } from '../oci/auth.ts'
import { authFilePaths, credentialsFrom } from '../oci/auth-file.ts'
import type { Repository } from '../oci/registry.ts'
import { openRepository } from '../oci/registry.ts'
import type { UploadMemory } from '../oci/upload.ts'
import { uploadMemory } from '../oci/upload-memory.ts'
import { errorText } from '../shared/errors.ts'
import { readTextFile } from '../shared/files.ts'
import type { Connections } from '../shared/http-client.ts'
import { openConnections } from '../shared/http-client.ts'
import type { OciReference } from '../shared/oci-reference.ts'
import type { Invocation, Io, OptionSpec } from './command.ts'
import { readSecret, withoutLineEnd } from './input.ts'
import { printable } from './printable.ts'

/** Options of every command that talks to a registry. */
export const REGISTRY_OPTIONS = {
  username: {
    value: 'NAME',
    doc: 'Log in as NAME (else PROVISIONER_REGISTRY_USERNAME, the logins of podman, or that of "login")',
  },
  'password-file': {
    value: 'FILE',
    doc: 'File with the password, "-" is standard input (else PROVISIONER_REGISTRY_PASSWORD)',
  },
  'plain-http': { doc: 'Speak HTTP without TLS' },
  ca: { value: 'FILE', doc: 'CA certificate of the registry, PEM (of a controller else that of "login")' },
} as const satisfies Readonly<Record<string, OptionSpec>>

/** The same for each end of a copy. */
export const COPY_OPTIONS = {
  'from-username': { value: 'NAME', doc: 'Log in at the source as NAME' },
  'from-password-file': { value: 'FILE', doc: 'File with the password for the source, "-" is standard input' },
  'from-plain-http': { doc: 'Speak HTTP without TLS to the source' },
  'to-username': { value: 'NAME', doc: 'Log in at the target as NAME' },
  'to-password-file': { value: 'FILE', doc: 'File with the password for the target, "-" is standard input' },
  'to-plain-http': { doc: 'Speak HTTP without TLS to the target' },
  'plain-http': { doc: 'Speak HTTP without TLS to both' },
  ca: { value: 'FILE', doc: 'CA certificate of both, PEM (of a controller else that of "login")' },
} as const satisfies Readonly<Record<string, OptionSpec>>

/** How a command's registries are reached. Close it at the end. */
export interface RegistryClients {
  /** `side` chooses among the options of a copy. @throws `usage`, `request-invalid` */
  open(reference: OciReference, side?: 'from' | 'to'): Promise<Repository>
  /** Undefined without a home directory. */
  readonly memory: UploadMemory | undefined
  close(): void
}

/** @throws `request-invalid` when the CA cannot be read */
export async function registryClients(invocation: Invocation): Promise<RegistryClients> {
  const caFile = invocation.text('ca')
  const caPem = caFile === undefined ? undefined : await readTextFile(caFile)
  let login: Promise<StoredLogin | undefined> | undefined
  const opened = new Map<string, Connections>()
  return {
    async open(reference, side) {
      const forced = invocation.flag('plain-http') || (side !== undefined && invocation.flag(`${side}-plain-http`))
      const credentials = await credentialsFor(invocation, reference, side)
      login ??= usableLogin(invocation.io)
      const own = ofRegistry(await login, reference.host, forced)
      // The CA of the controller is trusted for its own registry alone, and nothing else is there, as "login" has it.
      const pinned = caPem === undefined ? (own?.caPem ?? undefined) : undefined
      const trust = pinned === undefined ? { beside: caPem } : { only: pinned }
      const connections = opened.get(pinned ?? '') ?? openConnections(trust)
      opened.set(pinned ?? '', connections)
      const plainHttp = forced || own?.controller.startsWith('http://') === true
      const access = { plainHttp, caPem: pinned ?? caPem, connections }
      return openRepository(reference, { ...access, credentials: credentials ?? accountOf(own) })
    },
    memory: memoryOf(invocation),
    close() {
      for (const connections of opened.values()) connections.close()
    },
  }
}

/** Most registries need none: one that cannot be used stops nothing. */
async function usableLogin(io: Io): Promise<StoredLogin | undefined> {
  return readLogin(io).catch((error: unknown) => {
    io.err(`Going on without the stored login: ${printable(errorText(error))}\n`)
    return undefined
  })
}

/** The login, if it is of this registry and was not given for a safer way to it: its token would go out in clear. */
function ofRegistry(login: StoredLogin | undefined, host: string, plainHttp: boolean): StoredLogin | undefined {
  if (login === undefined) return undefined
  const url = new URL(login.controller)
  // Below a path of a host another registry may be at its root.
  const isOwn = url.host === host && url.pathname === '/'
  return isOwn && (!plainHttp || url.protocol === 'http:') ? login : undefined
}

/** A controller takes its tokens as passwords of its registry, under any name (docs/registry-access.md). */
function accountOf(login: StoredLogin | undefined): Credentials | undefined {
  return login && { username: 'token', password: login.token }
}

async function credentialsFor(
  invocation: Invocation,
  { host, repository }: OciReference,
  side: 'from' | 'to' | undefined,
): Promise<Credentials | undefined> {
  const { env } = invocation.io
  const prefix = side === undefined ? '' : `${side}-`
  const username = invocation.text(`${prefix}username`)
  const passwordFile = invocation.text(`${prefix}password-file`)
  const given = env['PROVISIONER_REGISTRY_PASSWORD']
  const secret =
    passwordFile === undefined ? given && withoutLineEnd(given) : await readSecret(invocation.io, passwordFile)
  if (username !== undefined) {
    if (secret !== undefined) return { username, password: secret }
    throw invocation.usage(`--${prefix}username needs --${prefix}password-file FILE`)
  }
  const name = env['PROVISIONER_REGISTRY_USERNAME']
  // A copy has two ends: the environment says for which of them it is meant, or a password would go to the other.
  const meant = env['PROVISIONER_REGISTRY_HOST'] ?? (side === undefined ? host : undefined)
  if (name !== undefined && secret !== undefined && meant === host) return { username: name, password: secret }
  for (const path of authFilePaths(env)) {
    const text = await readFile(path, 'utf8').catch(() => undefined)
    const found = text === undefined ? undefined : credentialsFrom(text, host, repository, path)
    if (found !== undefined) return found
  }
  return undefined
}

/** XDG Base Directory: what may be lost without harm lies in the cache. */
function memoryOf({ io: { env } }: Invocation): UploadMemory | undefined {
  const cache = env['XDG_CACHE_HOME'] ?? (env['HOME'] === undefined ? undefined : join(env['HOME'], '.cache'))
  return cache === undefined ? undefined : uploadMemory(join(cache, 'provisioner', 'uploads'))
}

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
import { AppError } from '../shared/errors.ts'
import { readTextFile } from '../shared/files.ts'
import type { Connections } from '../shared/http-client.ts'
import { openConnections } from '../shared/http-client.ts'
import type { OciReference } from '../shared/oci-reference.ts'
import type { Invocation, OptionSpec } from './command.ts'

/** Options of every command that talks to a registry. */
export const REGISTRY_OPTIONS = {
  username: {
    value: 'NAME',
    doc: 'Log in as NAME (else PROVISIONER_REGISTRY_USERNAME, the logins of podman, or that of "login")',
  },
  'password-file': { value: 'FILE', doc: 'File with the password (else PROVISIONER_REGISTRY_PASSWORD)' },
  'plain-http': { doc: 'Speak HTTP without TLS' },
  ca: { value: 'FILE', doc: 'CA certificate of the registry, PEM (of a controller else that of "login")' },
} as const satisfies Readonly<Record<string, OptionSpec>>

/** The same for each end of a copy. */
export const COPY_OPTIONS = {
  'from-username': { value: 'NAME', doc: 'Log in at the source as NAME' },
  'from-password-file': { value: 'FILE', doc: 'File with the password for the source' },
  'from-plain-http': { doc: 'Speak HTTP without TLS to the source' },
  'to-username': { value: 'NAME', doc: 'Log in at the target as NAME' },
  'to-password-file': { value: 'FILE', doc: 'File with the password for the target' },
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
  const login = await readLogin(invocation.io)
  const opened = new Map<string | undefined, Connections>()
  return {
    async open(reference, side) {
      const own = login !== undefined && new URL(login.controller).host === reference.host ? login : undefined
      // The CA of the controller is trusted for its own registry alone.
      const beside = caPem ?? own?.caPem ?? undefined
      const connections = opened.get(beside) ?? openConnections({ beside })
      opened.set(beside, connections)
      const plainHttp =
        invocation.flag('plain-http') ||
        (side !== undefined && invocation.flag(`${side}-plain-http`)) ||
        own?.controller.startsWith('http://') === true
      const credentials = (await credentialsFor(invocation, reference, side)) ?? accountOf(own)
      return openRepository(reference, { plainHttp, caPem: beside, credentials, connections })
    },
    memory: memoryOf(invocation),
    close() {
      for (const connections of opened.values()) connections.close()
    },
  }
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
  const secret = passwordFile === undefined ? env['PROVISIONER_REGISTRY_PASSWORD'] : await readTextFile(passwordFile)
  if (username !== undefined) {
    if (secret !== undefined) return { username, password: secret.replace(/\r?\n$/, '') }
    throw new AppError('usage', `Cannot log in as "${username}": --${prefix}password-file FILE is missing`)
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

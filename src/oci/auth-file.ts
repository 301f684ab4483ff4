import { AppError } from '../shared/errors.ts'
import type { Credentials } from './auth.ts'

/** What Docker calls its own registry in its file. */
const DOCKER_HUB = 'https://index.docker.io/v1/'

/**
 * The login for a repository in a containers-auth.json(5) or Docker's config.json: the most specific entry of
 * `host/namespace/repository`, `host/namespace`, `host`. Entries kept by a credential helper are not seen.
 * @throws `request-invalid` when the file is no such document
 */
export function credentialsFrom(text: string, host: string, repository: string, path: string): Credentials | undefined {
  const auths = parseAuths(text, path)
  const parts = repository.split('/')
  const names = parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join('/'))
  const hosts = [host, `https://${host}`, `http://${host}`, ...(host === 'docker.io' ? [DOCKER_HUB] : [])]
  for (const name of [...names, ...hosts]) {
    const entry = auths[name]
    const found = entry === undefined ? undefined : parseEntry(entry)
    if (found !== undefined) return found
  }
  return undefined
}

/** Where those files lie, most important first: podman's own, then Docker's. */
export function authFilePaths(env: Readonly<Record<string, string | undefined>>): string[] {
  const named = env['REGISTRY_AUTH_FILE']
  if (named !== undefined && named !== '') return [named]
  const home = env['HOME'] ?? '/root'
  const runtime = env['XDG_RUNTIME_DIR']
  return [
    ...(runtime === undefined ? [] : [`${runtime}/containers/auth.json`]),
    `${env['XDG_CONFIG_HOME'] ?? `${home}/.config`}/containers/auth.json`,
    `${env['DOCKER_CONFIG'] ?? `${home}/.docker`}/config.json`,
  ]
}

type Entries = Readonly<Record<string, { readonly auth?: unknown } | undefined>>

function parseAuths(text: string, path: string): Entries {
  try {
    const { auths } = JSON.parse(text) as { auths?: Entries }
    return typeof auths === 'object' && auths !== null ? auths : {}
  } catch (cause) {
    throw new AppError('request-invalid', `Cannot read the logins in "${path}": it is not JSON`, { cause })
  }
}

function parseEntry({ auth }: { readonly auth?: unknown }): Credentials | undefined {
  const [username, ...rest] = Buffer.from(typeof auth === 'string' ? auth : '', 'base64')
    .toString('utf8')
    .split(':')
  // Some writers end the password with a NUL.
  const password = rest.join(':').replace(/\0+$/, '')
  return username === undefined || username === '' ? undefined : { username, password }
}

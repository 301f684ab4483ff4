import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Io } from '../commands/command.ts'
import { AppError } from '../shared/errors.ts'
import { readPrivateFile, writeFileAtomic } from '../shared/files.ts'

/** What `provisioner login` keeps: where the controller is, whom to trust there, and a token. */
export interface StoredLogin {
  readonly controller: string
  readonly token: string
  /** Of a token that the login made, and that ends with it; null of one that was given. */
  readonly tokenId: string | null
  /** The controller's CA; null where the system's CAs are enough. */
  readonly caPem: string | null
}

/** `$XDG_CONFIG_HOME/provisioner/login.json` (XDG Base Directory Specification); undefined without a home. */
export function loginPath({ env }: Pick<Io, 'env'>): string | undefined {
  const home = env['HOME'] ?? ''
  const base = env['XDG_CONFIG_HOME'] || (home === '' ? '' : join(home, '.config'))
  return base === '' ? undefined : join(base, 'provisioner', 'login.json')
}

/** @throws `config-invalid` when others may read the file, or it is no login */
export async function readLogin(io: Pick<Io, 'env'>): Promise<StoredLogin | undefined> {
  const path = loginPath(io)
  const content = path === undefined ? undefined : await readPrivateFile(path)
  if (content === undefined) return undefined
  const stored = parseLogin(content.toString('utf8'))
  if (stored === undefined) throw new AppError('config-invalid', `Cannot use the stored login "${path}": log in again`)
  return stored
}

export async function writeLogin(io: Pick<Io, 'env'>, login: StoredLogin): Promise<string> {
  const path = loginPath(io)
  if (path === undefined) throw new AppError('usage', 'Cannot store the login: neither HOME nor XDG_CONFIG_HOME is set')
  await writeFileAtomic(path, `${JSON.stringify(login, null, 2)}\n`, 0o600)
  return path
}

export async function removeLogin(io: Pick<Io, 'env'>): Promise<void> {
  const path = loginPath(io)
  if (path !== undefined) await rm(path, { force: true })
}

function parseLogin(text: string): StoredLogin | undefined {
  try {
    const { controller, token, tokenId, caPem } = JSON.parse(text) as Record<string, unknown>
    if (typeof controller !== 'string' || !URL.canParse(controller) || typeof token !== 'string') return undefined
    const textOrNull = (value: unknown) => (typeof value === 'string' ? value : null)
    return { controller, token, tokenId: textOrNull(tokenId), caPem: textOrNull(caPem) }
  } catch {
    return undefined
  }
}

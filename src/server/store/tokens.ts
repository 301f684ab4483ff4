import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { sha256 } from '../../shared/digest.ts'
import { AppError } from '../../shared/errors.ts'
import { base32 } from '../../shared/ids.ts'
import type { Role } from '../../shared/role.ts'
import { lesserRole } from '../../shared/role.ts'
import type { Row } from './job-row.ts'
import { optional, text } from './job-row.ts'
import { keepingAnAdmin } from './last-admin.ts'

/** Who is calling: a user, by password or by one of their tokens, or a service by its token. */
export interface Account {
  readonly kind: 'user' | 'service'
  /** The user's name, or what the service's token is called. */
  readonly name: string
  readonly role: Role
  /** When what was shown ends by itself: of a token; a password has no end. */
  readonly expiresAt: Date | null
}

/** A token as it can be shown: the token itself is stored nowhere. */
export interface TokenRecord {
  readonly id: string
  readonly name: string
  /** What it was made for; a user's token may never do more than its owner may at that time. */
  readonly role: Role
  /** Null: of a service. */
  readonly owner: string | null
  readonly createdAt: Date
  readonly expiresAt: Date | null
  /** To the hour. */
  readonly lastUsedAt: Date | null
}

export interface TokenStore {
  /** The token itself. One that is already in its owner's hands can be given. @throws `user-not-found` */
  create(
    record: Omit<TokenRecord, 'id' | 'lastUsedAt'>,
    token?: string,
  ): { readonly id: string; readonly token: string }
  /** Undefined for what is no token, has expired, or whose owner is disabled. */
  find(token: string, now: Date): Account | undefined
  /** By what `sha256(token)` gives. */
  findByHash(hash: string, now: Date): Account | undefined
  get(id: string): TokenRecord | undefined
  list(): readonly TokenRecord[]
  /** @throws `token-not-found`, `last-admin` */
  revoke(id: string): void
  isEmpty(): boolean
}

const PREFIX = 'prv_'
const HOUR_MS = 3_600_000
/** Tokens that are over stay in the list for so long, for whoever looks why something stopped. */
const SHOWN_MS = 30 * 24 * HOUR_MS

export function newToken(): string {
  return `${PREFIX}${base32(randomBytes(20)).toLowerCase()}`
}

/** True for what looks like one of ours, so that it is not taken for a password. */
export function looksLikeToken(text: string): boolean {
  return /^prv_[0-9a-z]{32}$/.test(text)
}

const COLUMNS = 'hash, name, role, created_at, id, owner, expires_at'

/** API tokens: 160 random bits, kept as their SHA-256, so that the database opens nothing. */
export function sqliteTokenStore(db: DatabaseSync): TokenStore {
  const insert = db.prepare(`INSERT INTO tokens (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`)
  const owned = db.prepare('SELECT 1 FROM users WHERE name = ?')
  const byHash = db.prepare(`
    SELECT tokens.*, users.role AS owner_role, users.disabled AS owner_disabled
    FROM tokens LEFT JOIN users ON users.name = tokens.owner WHERE hash = ?`)
  const byId = db.prepare('SELECT * FROM tokens WHERE id = ?')
  const all = db.prepare('SELECT * FROM tokens ORDER BY created_at, id')
  const any = db.prepare('SELECT 1 FROM tokens LIMIT 1')
  const remove = db.prepare('DELETE FROM tokens WHERE id = ?')
  const removeOver = db.prepare('DELETE FROM tokens WHERE expires_at < ?')
  const touch = db.prepare('UPDATE tokens SET last_used_at = ? WHERE hash = ?')

  function findByHash(hash: string, now: Date): Account | undefined {
    const row = byHash.get(hash)
    if (row === undefined || isOver(row, now) || row['owner_disabled'] === 1) return undefined
    const used = optional(row, 'last_used_at')
    // A write at each request would cost more than the request.
    if (used === null || now.getTime() - Date.parse(used) > HOUR_MS) touch.run(now.toISOString(), hash)
    const { name, role, owner, expiresAt } = recordFrom(row)
    if (owner === null) return { kind: 'service', name, role, expiresAt }
    return { kind: 'user', name: owner, role: lesserRole(role, text(row, 'owner_role') as Role), expiresAt }
  }

  return {
    create({ name, role, owner, createdAt, expiresAt }, token = newToken()) {
      if (owner !== null && owned.get(owner) === undefined)
        throw new AppError('user-not-found', `Cannot find user "${owner}"`)
      removeOver.run(new Date(createdAt.getTime() - SHOWN_MS).toISOString())
      const id = randomBytes(6).toString('hex')
      const expiry = expiresAt?.toISOString() ?? null
      insert.run(sha256(token), name, role, createdAt.toISOString(), id, owner, expiry)
      return { id, token }
    },
    find: (token, now) => findByHash(sha256(token), now),
    findByHash,
    get(id) {
      const row = byId.get(id)
      return row === undefined ? undefined : recordFrom(row)
    },
    list: () => all.all().map(recordFrom),
    revoke(id) {
      keepingAnAdmin(db, () => {
        if (remove.run(id).changes === 0) throw new AppError('token-not-found', `Cannot find token "${id}"`)
      })
    },
    isEmpty: () => any.get() === undefined,
  }
}

function isOver(row: Row, now: Date): boolean {
  const expiry = optional(row, 'expires_at')
  return expiry !== null && Date.parse(expiry) <= now.getTime()
}

function recordFrom(row: Row): TokenRecord {
  const time = (name: string) => {
    const at = optional(row, name)
    return at === null ? null : new Date(at)
  }
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    role: text(row, 'role') as Role,
    owner: optional(row, 'owner'),
    createdAt: new Date(text(row, 'created_at')),
    expiresAt: time('expires_at'),
    lastUsedAt: time('last_used_at'),
  }
}

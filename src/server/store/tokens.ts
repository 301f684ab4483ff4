import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { sha256 } from '../../shared/digest.ts'
import { base32 } from '../../shared/ids.ts'
import type { Role } from '../../shared/role.ts'
import { text } from './job-row.ts'

export interface Account {
  readonly name: string
  readonly role: Role
}

export interface TokenStore {
  /** The token itself, which is stored nowhere. One that is already in its owner's hands can be given. */
  create(name: string, role: Role, now: Date, token?: string): string
  find(token: string): Account | undefined
  /** By what `sha256(token)` gives. */
  findByHash(hash: string): Account | undefined
  isEmpty(): boolean
}

export function newToken(): string {
  return `prv_${base32(randomBytes(20)).toLowerCase()}`
}

/** API tokens: 160 random bits, kept as their SHA-256. */
export function sqliteTokenStore(db: DatabaseSync): TokenStore {
  const insert = db.prepare('INSERT INTO tokens VALUES (?, ?, ?, ?)')
  const byHash = db.prepare('SELECT name, role FROM tokens WHERE hash = ?')
  const count = db.prepare('SELECT COUNT(*) AS n FROM tokens')
  function findByHash(hash: string): Account | undefined {
    const row = byHash.get(hash)
    return row === undefined ? undefined : { name: text(row, 'name'), role: text(row, 'role') as Role }
  }
  return {
    create(name, role, now, token = newToken()) {
      insert.run(sha256(token), name, role, now.toISOString())
      return token
    },
    find: (token) => findByHash(sha256(token)),
    findByHash,
    isEmpty: () => Number(count.get()?.['n']) === 0,
  }
}

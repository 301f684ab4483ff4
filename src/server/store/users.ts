import type { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../shared/errors.ts'
import type { Role } from '../../shared/role.ts'
import { isConstraint } from './database.ts'
import type { Row } from './job-row.ts'
import { text } from './job-row.ts'
import { keepingAnAdmin } from './last-admin.ts'

/** A person who logs in with a password. */
export interface User {
  readonly name: string
  readonly role: Role
  /** A disabled user and all their tokens are refused; they are kept. */
  readonly disabled: boolean
  readonly createdAt: Date
}

export interface UserStore {
  /** `password` is what `hashPassword` gives. @throws `user-exists` */
  add(user: User, password: string): void
  find(name: string): User | undefined
  /** The stored hash of a user, disabled ones too. */
  passwordOf(name: string): string | undefined
  list(): readonly User[]
  isEmpty(): boolean
  /** With all their tokens. @throws `user-not-found`, `last-admin` */
  remove(name: string): void
  /** @throws `user-not-found`, `last-admin` */
  change(name: string, change: { readonly role?: Role; readonly disabled?: boolean; readonly password?: string }): void
}

export function sqliteUserStore(db: DatabaseSync): UserStore {
  const insert = db.prepare('INSERT INTO users (name, role, password, disabled, created_at) VALUES (?, ?, ?, ?, ?)')
  const byName = db.prepare('SELECT * FROM users WHERE name = ?')
  const all = db.prepare('SELECT * FROM users ORDER BY name')
  const any = db.prepare('SELECT 1 FROM users LIMIT 1')
  const remove = db.prepare('DELETE FROM users WHERE name = ?')
  const update = db.prepare(`
    UPDATE users SET role = coalesce(?, role), disabled = coalesce(?, disabled), password = coalesce(?, password)
    WHERE name = ?`)

  function must(changes: number | bigint, name: string): void {
    if (changes === 0) throw new AppError('user-not-found', `Cannot find user "${name}"`)
  }

  return {
    add({ name, role, disabled, createdAt }, password) {
      try {
        insert.run(name, role, password, disabled ? 1 : 0, createdAt.toISOString())
      } catch (error) {
        if (!isConstraint(error, 'users.name')) throw error
        throw new AppError('user-exists', `Cannot add user "${name}": there is one of that name`)
      }
    },
    find(name) {
      const row = byName.get(name)
      return row === undefined ? undefined : userFrom(row)
    },
    passwordOf(name) {
      const row = byName.get(name)
      return row === undefined ? undefined : text(row, 'password')
    },
    list: () => all.all().map(userFrom),
    isEmpty: () => any.get() === undefined,
    remove: (name) => keepingAnAdmin(db, () => must(remove.run(name).changes, name)),
    change(name, { role, disabled, password }) {
      const values = [role ?? null, disabled === undefined ? null : Number(disabled), password ?? null] as const
      keepingAnAdmin(db, () => must(update.run(...values, name).changes, name))
    },
  }
}

function userFrom(row: Row): User {
  return {
    name: text(row, 'name'),
    role: text(row, 'role') as Role,
    disabled: row['disabled'] === 1,
    createdAt: new Date(text(row, 'created_at')),
  }
}

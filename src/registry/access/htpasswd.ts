import { AppError, type Problem } from '../../shared/errors.ts'
import type { PasswordHash } from '../../shared/passwords/password-hash.ts'
import { parsePasswordHash } from '../../shared/passwords/password-hash.ts'

/**
 * Reads an htpasswd file: `name:hash` a line; empty lines and lines that begin with `#` are left out. Fields behind a
 * second colon are ignored, as Apache does.
 * @throws `config-invalid` with every line that cannot be used; a hash is never repeated in a message
 */
export function parseHtpasswd(source: string, file: string): ReadonlyMap<string, PasswordHash> {
  const users = new Map<string, PasswordHash>()
  const problems: Problem[] = []
  for (const [index, line] of source.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [name = '', hash = ''] = line.trimEnd().split(':')
    const refused = (code: string, message: string) => problems.push({ path: `line ${index + 1}`, code, message })
    const parsed = parsePasswordHash(hash)
    if (!/^[^\s:]{1,128}$/.test(name)) refused('name', 'a user name has 1 to 128 characters without blanks')
    else if (users.has(name)) refused('duplicate', `"${name}" stands there twice`)
    else if (parsed === undefined) refused('hash', `the password of "${name}" is not bcrypt, scrypt or argon2`)
    else users.set(name, parsed)
  }
  if (problems.length === 0) return users
  throw new AppError('config-invalid', `Cannot use the password file "${file}"`, { problems })
}

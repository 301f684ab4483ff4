import { expect, onTestFinished, test } from 'vitest'
import { parseHtpasswd } from '../../../src/registry/access/htpasswd.ts'
import type { AppError } from '../../../src/shared/errors.ts'
import { createBcrypt } from '../../../src/shared/passwords/bcrypt.ts'
import { matchesPassword, parsePasswordHash } from '../../../src/shared/passwords/password-hash.ts'

/** Passwords hashed by other programs: Apache's htpasswd, Python's passlib and the argon2 command of its authors. */
test.for<[string, string]>([
  // crypt_blowfish, wrapper.c, its test vectors.
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy'],
  // passlib.hash.scrypt, its documentation.
  ['password', '$scrypt$ln=8,r=8,p=1$WKs1xljLudd6z9kbY0wpJQ$yCR4iDZYDKv+iEJj6yHY0lv/epnfB6f/w1EbXrsJOuQ'],
  // argon2, test.c of the reference implementation.
  ['password', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'],
  ['password', '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8'],
])('%j is the password of %s', async ([password, text]) => {
  const bcrypt = createBcrypt()
  onTestFinished(bcrypt.close)
  const stored = parsePasswordHash(text)
  if (stored === undefined) throw new Error('not read')
  expect(await matchesPassword(stored, password, bcrypt.compare)).toBe(true)
  expect(await matchesPassword(stored, `${password}x`, bcrypt.compare)).toBe(false)
})

test.for([
  '',
  'plain',
  '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
  '$apr1$salt$hash',
  '$6$salt$hash',
  '$2y$03$G8EO2D0Jivs26Una.o/7xOBUzqckljEcxjYHzpFRXAWl9IZCKjuDG',
  '$2y$31$G8EO2D0Jivs26Una.o/7xOBUzqckljEcxjYHzpFRXAWl9IZCKjuDG',
  '$scrypt$ln=40,r=8,p=1$c29tZXNhbHQ$c29tZXNhbHQ',
  '$scrypt$ln=10,r=0,p=1$c29tZXNhbHQ$c29tZXNhbHQ',
  '$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHQ',
  '$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$c29tZXNhbHQ',
])('%j is not taken for a password', (text) => {
  expect(parsePasswordHash(text)).toBeUndefined()
})

test('a file has comments, empty lines, Windows line ends and fields that are ignored', () => {
  const hash = '$2y$04$G8EO2D0Jivs26Una.o/7xOBUzqckljEcxjYHzpFRXAWl9IZCKjuDG'
  const users = parseHtpasswd(`# people\r\n\r\na:${hash}\r\nb@example.org:${hash}:real name\n`, 'f')
  expect([...users.keys()]).toEqual(['a', 'b@example.org'])
})

test('every bad line is told, and no hash is repeated', () => {
  const hash = '$2y$04$G8EO2D0Jivs26Una.o/7xOBUzqckljEcxjYHzpFRXAWl9IZCKjuDG'
  const source = `a:${hash}\na:${hash}\n:x\nb c:${hash}\nd:plain-secret\ne\n`
  try {
    parseHtpasswd(source, 'people')
    expect.unreachable()
  } catch (error) {
    const { message, problems } = error as AppError
    expect(message).toContain('people')
    expect(problems.map(({ path }) => path)).toEqual(['line 2', 'line 3', 'line 4', 'line 5', 'line 6'])
    expect(JSON.stringify(problems)).not.toContain('plain-secret')
  }
})

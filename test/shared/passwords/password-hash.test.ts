import { expect, onTestFinished, test } from 'vitest'
import { createPasswordChecker } from '../../../src/shared/passwords/check-password.ts'
import { hashPassword, parsePasswordHash } from '../../../src/shared/passwords/password-hash.ts'
import { systemClock } from '../../../src/shared/time.ts'

test('a new password is stored by scrypt with its parameters and a salt of its own, and matches itself only', async () => {
  const [first, second] = await Promise.all([hashPassword('pässwörd'), hashPassword('pässwörd')])
  expect(first).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(first).not.toBe(second)
  const stored = parsePasswordHash(first)
  const passwords = createPasswordChecker(systemClock)
  onTestFinished(passwords.close)
  if (stored === undefined) throw new Error('the hash cannot be read')
  expect(await passwords.matches('ann', 'pässwörd', stored)).toBe(true)
  expect(await passwords.matches('ann', 'passwort', stored)).toBe(false)
  expect(await passwords.matches('ann', 'p'.repeat(2000), stored)).toBe(false)
})

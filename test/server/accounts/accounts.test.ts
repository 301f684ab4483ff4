import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../../src/server/store/database.ts'
import type { Role } from '../../../src/shared/role.ts'
import { testAccounts } from '../support/test-accounts.ts'

/** `secret` with the smallest cost: what is compared is not what is tested here. */
const HASH = '$scrypt$ln=4,r=8,p=1$VbjPWJcUhxjZfOUNdwdzSQ$kQU3B5Wo1cOnAosA4PeEY9FfwhVgO1UJb8fyM46jO/E'
const PASSWORD = 'secret-d'
const AT = new Date('2026-01-02T03:04:05Z')

function site() {
  let now = AT
  const db = openDatabase(':memory:')
  const made = testAccounts(db, { now: () => now })
  onTestFinished(async () => {
    await made.accounts.close()
    db.close()
  })
  return {
    ...made,
    pass(ms: number) {
      now = new Date(now.getTime() + ms)
    },
    addUser: (name: string, role: Role) => made.users.add({ name, role, disabled: false, createdAt: AT }, HASH),
    tokenOf(owner: string | null, role: Role, expiresAt: Date | null = null) {
      return made.tokens.create({ name: 'ci', role, owner, createdAt: AT, expiresAt })
    },
    login: (username: string | undefined, password: string) =>
      made.accounts.login({ username, password, address: '192.0.2.1' }),
  }
}

test('a user is known by name and password, by nothing else, and not while disabled', async () => {
  const { addUser, users, login } = site()
  addUser('root', 'admin')
  addUser('ann', 'operator')
  expect(await login('ann', PASSWORD)).toEqual({ kind: 'user', name: 'ann', role: 'operator', expiresAt: null })
  expect(await login('ann', 'other')).toBeUndefined()
  expect(await login(undefined, PASSWORD)).toBeUndefined()
  users.change('ann', { disabled: true })
  expect(await login('ann', PASSWORD)).toBeUndefined()
})

test('a changed password or role counts at once, though the old one was checked before', async () => {
  const { addUser, users, login } = site()
  addUser('root', 'admin')
  addUser('ann', 'operator')
  await login('ann', PASSWORD)
  users.change('ann', { role: 'reader' })
  expect(await login('ann', PASSWORD)).toMatchObject({ role: 'reader' })
  users.change('ann', { password: HASH.replace('VbjP', 'XbjP') })
  expect(await login('ann', PASSWORD)).toBeUndefined()
})

test("a user's token never does more than its owner may by now, and dies with the owner", async () => {
  const { addUser, users, tokenOf, login } = site()
  addUser('root', 'admin')
  addUser('ann', 'admin')
  const admin = tokenOf('ann', 'admin').token
  const reader = tokenOf('ann', 'reader').token
  expect(await login(undefined, admin)).toEqual({ kind: 'user', name: 'ann', role: 'admin', expiresAt: null })
  expect(await login('anything', reader)).toMatchObject({ role: 'reader' })
  users.change('ann', { role: 'operator' })
  expect([await login(undefined, admin), await login(undefined, reader)]).toMatchObject([
    { role: 'operator' },
    { role: 'reader' },
  ])
  users.change('ann', { disabled: true })
  expect(await login(undefined, admin)).toBeUndefined()
  users.change('ann', { disabled: false })
  expect(await login(undefined, admin)).toBeDefined()
  users.remove('ann')
  expect(await login(undefined, admin)).toBeUndefined()
})

test('a token ends at its time, and when it is revoked', async () => {
  const { tokenOf, tokens, login, pass } = site()
  tokenOf(null, 'admin')
  const short = tokenOf(null, 'operator', new Date(AT.getTime() + 1000))
  const long = tokenOf(null, 'operator')
  expect(await login(undefined, short.token)).toEqual({
    kind: 'service',
    name: 'ci',
    role: 'operator',
    expiresAt: new Date(AT.getTime() + 1000),
  })
  pass(1000)
  expect(await login(undefined, short.token)).toBeUndefined()
  tokens.revoke(long.id)
  expect(await login(undefined, long.token)).toBeUndefined()
  expect(() => tokens.revoke(long.id)).toThrow(expect.objectContaining({ code: 'token-not-found' }))
})

test('when a token was used is known to the hour', async () => {
  const { tokenOf, tokens, login, pass } = site()
  const { id, token } = tokenOf(null, 'admin')
  const used = () => tokens.get(id)?.lastUsedAt
  expect(used()).toBeNull()
  await login(undefined, token)
  pass(1_800_000)
  await login(undefined, token)
  expect(used()).toEqual(AT)
  pass(1_800_001)
  await login(undefined, token)
  expect(used()).not.toEqual(AT)
})

test('the last admin cannot be removed, demoted, disabled or revoked', () => {
  const { addUser, users, tokens, tokenOf } = site()
  const refused = expect.objectContaining({ code: 'last-admin' })
  addUser('root', 'admin')
  addUser('ann', 'operator')
  tokenOf(null, 'admin', new Date(AT.getTime() + 1000))
  tokenOf('root', 'admin')
  expect(() => users.remove('root')).toThrow(refused)
  expect(() => users.change('root', { role: 'reader' })).toThrow(refused)
  expect(() => users.change('root', { disabled: true })).toThrow(refused)
  expect(users.find('root')).toMatchObject({ role: 'admin', disabled: false })
  const key = tokenOf(null, 'admin')
  users.remove('root')
  expect(() => tokens.revoke(key.id)).toThrow(refused)
  users.change('ann', { role: 'admin' })
  tokens.revoke(key.id)
  expect(users.list().map(({ name }) => name)).toEqual(['ann'])
})

test('names are taken once, and what is not there is said', () => {
  const { addUser, users, tokenOf } = site()
  addUser('root', 'admin')
  expect(() => addUser('root', 'reader')).toThrow(expect.objectContaining({ code: 'user-exists' }))
  const missing = expect.objectContaining({ code: 'user-not-found' })
  expect(() => users.remove('bob')).toThrow(missing)
  expect(() => users.change('bob', { role: 'reader' })).toThrow(missing)
  expect(() => tokenOf('bob', 'reader')).toThrow(missing)
})

test('a stamp finds the account again until its password is another one', async () => {
  const { addUser, users, accounts, tokenOf } = site()
  addUser('root', 'admin')
  addUser('ann', 'operator')
  const stamp = accounts.stampOf('ann') ?? ''
  expect(accounts.recall(stamp)).toMatchObject({ name: 'ann', role: 'operator' })
  users.change('ann', { password: HASH.replace('VbjP', 'XbjP') })
  expect(accounts.recall(stamp)).toBeUndefined()
  expect(accounts.recall(accounts.tokenStamp(tokenOf('ann', 'reader').token))).toMatchObject({ role: 'reader' })
  expect(accounts.recall('password:ann:wrong')).toBeUndefined()
})

test('wrong passwords are counted, tokens are not held up by them', async () => {
  const { addUser, login, tokenOf } = site()
  addUser('root', 'admin')
  const { token } = tokenOf('root', 'reader')
  for (let n = 0; n < 10; n++) expect(await login('root', `guess ${n}`)).toBeUndefined()
  await expect(login('root', PASSWORD)).rejects.toThrow(expect.objectContaining({ code: 'rate-limited' }))
  expect(await login('root', token)).toBeDefined()
  expect(await login('x', `prv_${'0'.repeat(32)}`)).toBeUndefined()
})

test('a token that is long over is forgotten when another one is made', () => {
  const { tokens, tokenOf } = site()
  const day = 86_400_000
  for (const days of [40, 10]) tokenOf(null, 'reader', new Date(AT.getTime() - days * day))
  tokenOf(null, 'reader')
  expect(tokens.list().map(({ expiresAt }) => expiresAt)).toEqual(
    expect.arrayContaining([new Date(AT.getTime() - 10 * day), null]),
  )
  expect(tokens.list()).toHaveLength(2)
})

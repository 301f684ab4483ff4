import { expect, test } from 'vitest'
import { createLoginThrottle, networkOf } from '../../../src/shared/passwords/login-throttle.ts'

function throttle() {
  let now = 0
  const made = createLoginThrottle({ now: () => new Date(now) })
  const attempt = (isRight: boolean) => (username: string, password: string, address: string | undefined) =>
    made.attempt({ username, password, address: address ?? '192.0.2.1' }, async () => isRight || undefined)
  return {
    pass: (ms: number) => {
      now += ms
    },
    right: (name: string, password: string, address?: string) => attempt(true)(name, password, address),
    wrong: (name: string, password: string, address?: string) => attempt(false)(name, password, address),
  }
}

const REFUSED = 'too many wrong'

test('after ten wrong passwords an address is told to wait, and has one more try when it has waited', async () => {
  const t = throttle()
  for (let n = 0; n < 10; n++) expect(await t.wrong(`user${n}`, 'x')).toBeUndefined()
  const refusal = { code: 'rate-limited', retryAfterSeconds: 15 }
  await expect(t.right('z', 'x')).rejects.toThrow(expect.objectContaining(refusal))
  expect(await t.right('z', 'x', '192.0.2.2')).toBe(true)
  t.pass(15_000)
  expect(await t.wrong('z', 'y')).toBeUndefined()
  await expect(t.wrong('y', 'x')).rejects.toThrow(REFUSED)
})

test('guesses that come at once are counted before they are checked', async () => {
  const t = throttle()
  const guesses = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => t.wrong('ann', `guess ${n}`)))
  expect(guesses.filter(({ status }) => status === 'rejected')).toHaveLength(40)
})

test.for(['ann', 'nobody'])('the account %s is guarded against guesses from many addresses', async (name) => {
  const t = throttle()
  for (let n = 0; n < 10; n++) await t.wrong(name, `guess ${n}`, `192.0.2.${n}`)
  await expect(t.wrong(name, 'x', '198.51.100.1')).rejects.toThrow(REFUSED)
  expect(await t.right('other', 'x', '198.51.100.1')).toBe(true)
})

test('guesses of others do not lock out who used the account from the same address lately', async () => {
  const t = throttle()
  await t.right('ann', 'secret', '198.51.100.1')
  t.pass(3_600_000)
  for (let n = 0; n < 10; n++) await t.wrong('ann', `guess ${n}`, `192.0.2.${n}`)
  expect(await t.right('ann', 'secret', '198.51.100.1')).toBe(true)
  await expect(t.right('ann', 'secret', '198.51.100.2')).rejects.toThrow(REFUSED)
})

test('what was right lately passes beside a neighbour who guesses', async () => {
  const t = throttle()
  await t.right('ann', 'secret')
  for (let n = 0; n < 10; n++) await t.wrong('bob', `guess ${n}`)
  for (let n = 0; n < 100; n++) expect(await t.right('ann', 'secret')).toBe(true)
  await expect(t.right('ann', 'other')).rejects.toThrow(REFUSED)
})

test('a script with an old password is one wrong guess, however often it asks', async () => {
  const t = throttle()
  for (let n = 0; n < 1000; n++) await t.wrong('ann', 'old')
  expect(await t.right('ann', 'new')).toBe(true)
})

test.for([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:0:1::5', '2001:db8:0:1'],
  ['2001:db8:0:1:ffff::6', '2001:db8:0:1'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s is counted as %s', ([address, network]) => {
  expect(networkOf(address ?? '')).toBe(network)
})

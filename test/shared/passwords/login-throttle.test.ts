import { expect, test } from 'vitest'
import { createLoginThrottle, networkOf } from '../../../src/shared/passwords/login-throttle.ts'

function throttle() {
  let now = 0
  const made = createLoginThrottle({ now: () => new Date(now) })
  const attempt = (username: string, password: string, address = '192.0.2.1') => ({ username, password, address })
  return {
    pass: (ms: number) => {
      now += ms
    },
    right: (...of: Parameters<typeof attempt>) => made.succeeded(attempt(...of)),
    wrong: (...of: Parameters<typeof attempt>) => made.failed(attempt(...of)),
    admit: (...of: Parameters<typeof attempt>) => made.admit(attempt(...of)),
  }
}

/** Ten different guesses. */
function guess(name: string, t: ReturnType<typeof throttle>, address?: string): void {
  for (let n = 0; n < 10; n++) t.wrong(name, `${name} ${n}`, address)
}

test('after ten wrong passwords an address is told to wait, and has one more try when it has waited', () => {
  const t = throttle()
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']) t.wrong(name, 'x')
  expect(() => t.admit('z', 'x')).not.toThrow()
  t.wrong('j', 'x')
  expect(() => t.admit('z', 'x')).toThrow(expect.objectContaining({ code: 'rate-limited', retryAfterSeconds: 15 }))
  expect(() => t.admit('z', 'x', '192.0.2.2')).not.toThrow()
  t.pass(15_000)
  expect(() => t.admit('z', 'x')).not.toThrow()
  t.wrong('z', 'x')
  expect(() => t.admit('y', 'x')).toThrow('too many wrong')
})

test('an account is guarded against guesses from many addresses, known or not', () => {
  for (const name of ['ann', 'nobody']) {
    const t = throttle()
    for (let n = 0; n < 10; n++) t.wrong(name, `guess ${n}`, `192.0.2.${n}`)
    expect(() => t.admit(name, 'x', '198.51.100.1')).toThrow('too many wrong')
    expect(() => t.admit('other', 'x', '198.51.100.1')).not.toThrow()
  }
})

test('guesses of others do not lock out who used the account from the same address lately', () => {
  const t = throttle()
  t.right('ann', 'secret', '198.51.100.1')
  for (let n = 0; n < 10; n++) t.wrong('ann', `guess ${n}`, `192.0.2.${n}`)
  t.pass(3_600_000)
  guess('ann', t, '192.0.2.99')
  expect(() => t.admit('ann', 'secret', '198.51.100.1')).not.toThrow()
  expect(() => t.admit('ann', 'secret', '198.51.100.2')).toThrow('too many wrong')
})

test('what was right lately passes beside a neighbour who guesses', () => {
  const t = throttle()
  t.right('ann', 'secret')
  guess('bob', t)
  expect(() => t.admit('ann', 'secret')).not.toThrow()
  expect(() => t.admit('ann', 'other')).toThrow('too many wrong')
})

test('a script with an old password is one wrong guess, however often it asks', () => {
  const t = throttle()
  for (let n = 0; n < 1000; n++) t.wrong('ann', 'old')
  expect(() => t.admit('ann', 'new')).not.toThrow()
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

import { hash } from 'bcryptjs'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { parseHtpasswd } from '../../../src/registry/access/htpasswd.ts'
import { policyOf } from '../../../src/registry/access/open.ts'
import { createUsers } from '../../../src/registry/access/users.ts'
import type { LoadedPolicy } from '../../../src/registry/policy-file.ts'

let line = ''
beforeAll(async () => {
  line = (await hash('secret', 10)).replace('$2b', '$2y')
})

function usersOf(...lines: string[]) {
  let now = 0
  let policy: LoadedPolicy = policyOf('{}', parseHtpasswd(lines.join('\n'), 'f')).current()
  const users = createUsers({ current: () => policy }, { now: () => new Date(now) })
  onTestFinished(users.close)
  return {
    users,
    pass(ms: number) {
      now += ms
    },
    replace(...next: string[]) {
      policy = policyOf('{}', parseHtpasswd(next.join('\n'), 'f')).current()
    },
  }
}

async function milliseconds(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await action()
  return performance.now() - started
}

const good = { username: 'ann', password: 'secret' }

test('a password is compared once; after that a login costs microseconds', async () => {
  const { users } = usersOf(`ann:${line}`)
  const first = await milliseconds(() => users.verify(good))
  const times = 1000
  const rest = await milliseconds(async () => {
    for (let i = 0; i < times; i++) expect((await users.verify(good))?.kind).toBe('user')
  })
  expect(rest / times).toBeLessThan(first / 20)
})

test('the event loop goes on while passwords are compared', async () => {
  const { users } = usersOf(`ann:${line}`)
  await users.verify({ username: 'ann', password: 'to start the thread' })
  let turns = 0
  let busy = true
  const logins = Promise.all(['x', 'y', 'z'].map((password) => users.verify({ username: 'ann', password })))
  void logins.finally(() => {
    busy = false
  })
  let longest = 0
  for (let last = performance.now(); busy; turns++) {
    await new Promise((resolve) => setImmediate(resolve))
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }
  expect(await logins).toEqual([undefined, undefined, undefined])
  // Three comparisons of cost 10 are 150 ms and more; on the loop they would be two turns.
  expect(turns).toBeGreaterThan(20)
})

test('six requests at once are one comparison', async () => {
  const { users } = usersOf(`ann:${line}`)
  const one = await milliseconds(() => users.verify({ username: 'ann', password: 'x' }))
  const six = await milliseconds(() => Promise.all(Array.from({ length: 6 }, () => users.verify(good))))
  expect(six).toBeLessThan(one * 4)
})

test('a new file ends what was remembered, at once', async () => {
  const { users, replace } = usersOf(`ann:${line}`)
  const before = await users.verify(good)
  const stamp = before?.kind === 'user' ? before.stamp : ''
  expect(await users.recall(stamp)).toEqual(before)
  replace(`ann:${(await hash('other', 4)).replace('$2b', '$2y')}`)
  expect(await users.verify(good)).toBeUndefined()
  expect(await users.recall(stamp)).toBeUndefined()
  expect((await users.verify({ username: 'ann', password: 'other' }))?.kind).toBe('user')
  replace('')
  expect(await users.verify({ username: 'ann', password: 'other' })).toBeUndefined()
})

test('a file read again without a change of the person leaves their tokens alone', async () => {
  const { users, replace } = usersOf(`ann:${line}`)
  const before = await users.verify(good)
  replace(`bob:${line}`, `ann:${line}`)
  expect(await users.recall(before?.kind === 'user' ? before.stamp : '')).toEqual(before)
})

test('a wrong password is forgotten sooner than a right one, and a user nobody knows is nobody', async () => {
  const { users, pass } = usersOf(`ann:${(await hash('secret', 4)).replace('$2b', '$2y')}`)
  expect(await users.verify({ username: 'bob', password: 'secret' })).toBeUndefined()
  expect(await users.verify({ username: undefined, password: 'secret' })).toBeUndefined()
  expect(await users.verify({ username: 'ann', password: 'no' })).toBeUndefined()
  pass(400_000)
  expect((await users.verify(good))?.kind).toBe('user')
  expect(await users.recall('user:ann:wrong')).toBeUndefined()
  expect(await users.recall('job:1:1')).toBeUndefined()
})

test('guessing beyond what can be compared is told to come again', async () => {
  const { users } = usersOf(`ann:${line}`)
  const guesses = Array.from({ length: 70 }, (_, i) => users.verify({ username: 'ann', password: `guess ${i}` }))
  // Those that are under way end with the thread; only the refusals matter here.
  const results = Promise.allSettled(guesses)
  await users.close()
  const refused = (await results).filter(
    (result) => result.status === 'rejected' && (result.reason as { code?: string }).code === 'rate-limited',
  )
  expect(refused).toHaveLength(6)
})

import { expect, test } from 'vitest'
import type { Caller } from '../../src/registry/access/callers.ts'
import { policyOf } from '../../src/registry/access/open.ts'
import type { Job } from '../../src/server/jobs/machine.ts'
import { registryCallers, registryPeople } from '../../src/server/registry-access.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { testRegistry } from '../registry/support/open-registry.ts'
import { LINUX_RECIPE, REFUSED_TODAY } from './support/recipe.ts'
import { testAccounts } from './support/test-accounts.ts'
import { SECRETS } from './support/with-worker.ts'

/** A controller with one job, an operator and a reader. */
function controller() {
  let job = { id: 'J1', attempt: 1, status: 'provisioning', recipeText: JSON.stringify(LINUX_RECIPE) } as Job
  const { accounts, token, users } = testAccounts(openDatabase(':memory:'))
  const jobs = { find: async (id: string) => (id === job.id ? job : undefined) }
  const callers = registryCallers({ accounts, jobs, secrets: SECRETS })
  return {
    callers,
    users,
    people: registryPeople(accounts),
    operator: token('ops', 'operator'),
    reader: token('dash', 'reader'),
    change(facts: Partial<Job>) {
      job = { ...job, ...facts }
    },
  }
}

/** `secret-d`, at the smallest cost. */
const SECRET_HASH = '$scrypt$ln=4,r=8,p=1$VbjPWJcUhxjZfOUNdwdzSQ$kQU3B5Wo1cOnAosA4PeEY9FfwhVgO1UJb8fyM46jO/E'

const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

function stampOf(caller: Caller | undefined): string {
  return caller === undefined || caller.kind === 'anonymous' ? '' : caller.stamp
}

test('accounts are known by their token, whatever the user name; jobs by id and password', async () => {
  const { callers, operator } = controller()
  const account = { kind: 'account', name: 'ops', role: 'operator' }
  expect(await callers.verify({ username: 'anything', password: operator })).toMatchObject(account)
  expect(await callers.verify({ username: undefined, password: operator })).toMatchObject(account)
  const job = { kind: 'job', name: 'J1', repositories: ['provisioner-tools', 'os/debian'] }
  expect(await callers.verify({ username: 'J1', password: 'registry-J1' })).toMatchObject(job)
  for (const [username, password] of [
    ['J1', 'registry-J2'],
    ['J2', 'registry-J1'],
    [undefined, 'registry-J1'],
    ['ops', 'prv_wrong'],
  ] as const) {
    expect(await callers.verify({ username, password })).toBeUndefined()
  }
})

test('a job whose recipe was taken before a rule was made pulls on', async () => {
  const { callers, change } = controller()
  change({ recipeText: JSON.stringify(REFUSED_TODAY) })
  expect(await callers.verify({ username: 'J1', password: 'registry-J1' })).toMatchObject({
    repositories: ['provisioner-tools', 'os/debian'],
  })
})

test('a job is known while it runs, and a new attempt makes its former tokens void', async () => {
  const { callers, change } = controller()
  const login = { username: 'J1', password: 'registry-J1' }
  const stamp = stampOf(await callers.verify(login))
  expect(await callers.recall(stamp)).toMatchObject({ kind: 'job', name: 'J1' })
  change({ attempt: 2 })
  expect(await callers.recall(stamp)).toBeUndefined()
  change({ attempt: 1, status: 'complete' })
  expect(await callers.recall(stamp)).toBeUndefined()
  expect(await callers.verify(login)).toBeUndefined()
})

test('a stamp brings back the account, and nothing else', async () => {
  const { callers, reader } = controller()
  const stamp = stampOf(await callers.verify({ username: undefined, password: reader }))
  expect(stamp).not.toContain(reader)
  expect(await callers.recall(stamp)).toMatchObject({ kind: 'account', role: 'reader' })
  for (const other of ['', 'account:', `account:${reader}`, 'user:ops', 'job:', 'job:J9:1']) {
    expect(await callers.recall(other)).toBeUndefined()
  }
})

const OPEN_PULL = "rules: [{ repositories: ['tools/**'], who: [anonymous], allow: [pull] }]"

test.for([
  ['no policy', undefined],
  ['a policy that opens something', OPEN_PULL],
] as const)(
  'with %s roles keep their rights and a job pulls its image and nothing else, by Basic and by token',
  async ([, text]) => {
    const { callers, operator, reader, change } = controller()
    const registry = await testRegistry({ callers, ...(text !== undefined && { policy: policyOf(text) }) })
    const status = async (method: string, path: string, authorization: string) =>
      (await registry.request(method, path, { headers: { authorization } })).status
    const scopes = ['os/debian', 'os/other', 'tools/x'].map((name) => `scope=repository:${name}:pull,push,delete`)
    const tokenOf = async (login: string) => {
      const options = { headers: { authorization: login } }
      const answer = await registry.request('GET', `/v2/token?${scopes.join('&')}`, options)
      return `Bearer ${((await answer.json()) as { token: string }).token}`
    }
    const [job, ops, dash] = [basic('J1', 'registry-J1'), basic('x', operator), basic('x', reader)]
    for (const [who, read, write, other, open] of [
      [job, 404, 403, 403, 403],
      [await tokenOf(job), 404, 403, 403, 403],
      [ops, 404, 202, 202, 404],
      [await tokenOf(ops), 404, 202, 202, 404],
      [dash, 404, 403, 403, 404],
      [await tokenOf(dash), 404, 403, 403, 404],
    ] as const) {
      expect(await status('GET', '/v2/', who)).toBe(200)
      expect(await status('GET', '/v2/os/debian/manifests/13', who)).toBe(read)
      expect(await status('POST', '/v2/os/debian/blobs/uploads/', who)).toBe(write)
      expect(await status('POST', '/v2/os/other/blobs/uploads/', who)).toBe(other)
      expect(await status('GET', '/v2/tools/x/manifests/1', who)).toBe(open)
    }
    const held = await tokenOf(job)
    change({ status: 'complete' })
    expect(await status('GET', '/v2/os/debian/manifests/13', held)).toBe(401)
    expect(await status('GET', '/v2/_catalog', ops)).toBe(200)
  },
)

test('a user of the controller logs in under /v2/ with the password, for as long as it is theirs', async () => {
  const { callers, people, users } = controller()
  users.add({ name: 'ann', role: 'operator', disabled: false, createdAt: new Date(0) }, SECRET_HASH)
  users.add({ name: 'root', role: 'admin', disabled: false, createdAt: new Date(0) }, SECRET_HASH)
  const registry = await testRegistry({ callers, people })
  const status = async (path: string, authorization: string) =>
    (await registry.request('GET', path, { headers: { authorization } })).status
  const ann = basic('ann', 'secret-d')
  expect(await status('/v2/_catalog', ann)).toBe(200)
  expect(await status('/v2/_catalog', basic('ann', 'other'))).toBe(401)
  const answer = await registry.request('GET', '/v2/token', { headers: { authorization: ann } })
  const held = `Bearer ${((await answer.json()) as { token: string }).token}`
  expect(await status('/v2/', held)).toBe(200)
  users.change('ann', { disabled: true })
  expect([await status('/v2/', held), await status('/v2/_catalog', ann)]).toEqual([401, 401])
})

import { expect, test } from 'vitest'
import { parseHtpasswd } from '../../../src/registry/access/htpasswd.ts'
import { policyOf } from '../../../src/registry/access/open.ts'
import type { TestRegistry } from '../support/open-registry.ts'
import { codes, pushBlob, pushImage, testRegistry } from '../support/open-registry.ts'
import { basic, CARLA, DAVE, HTPASSWD } from './people.ts'

const OPEN_PULL = `
rules:
  - { repositories: ['**'], who: [anonymous], allow: [pull] }
  - { repositories: ['team/**'], who: ['user:carla'], allow: [push, delete] }
`
const CLOSED = `
rules:
  - { repositories: ['team/**'], who: ['user:carla'], allow: [pull, push] }
  - { repositories: ['team/docs'], who: ['user:dave'], allow: [pull] }
`

const users = parseHtpasswd(HTPASSWD, 'test')

function withPolicy(text: string): Promise<TestRegistry> {
  return testRegistry({ policy: policyOf(text, users) })
}

async function tokenFor(registry: TestRegistry, scope: string, authorization?: string): Promise<string> {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
  const query =
    scope === '' ? '' : `?${new URLSearchParams(scope.split(' ').map((each): [string, string] => ['scope', each]))}`
  const response = await registry.request('GET', `/v2/token${query}`, { headers })
  expect(response.status).toBe(200)
  const answer = (await response.json()) as { token: string; access_token: string; expires_in: number }
  expect(answer.access_token).toBe(answer.token)
  expect(answer.expires_in).toBeGreaterThanOrEqual(60)
  return answer.token
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
const START = '/v2/team/app/blobs/uploads/'

test('with something open to everybody /v2/ asks for a Bearer token, of this very registry', async () => {
  const registry = await withPolicy(OPEN_PULL)
  const response = await registry.request('GET', '/v2/', { headers: { host: 'registry.example:5000' } })
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toBe(
    'Bearer realm="http://registry.example:5000/v2/token",service="registry.example:5000"',
  )
})

test('with nothing open to everybody it asks for Basic', async () => {
  const registry = await withPolicy(CLOSED)
  const response = await registry.request('GET', '/v2/')
  expect(response.headers.get('www-authenticate')).toBe('Basic realm="provisioner"')
})

test('a Host header that is none is not repeated, and the policy may name the address', async () => {
  const odd = await withPolicy(OPEN_PULL)
  const response = await odd.request('GET', '/v2/', { headers: { host: 'x"y' } })
  expect(response.headers.get('www-authenticate')).toContain('realm="http://localhost/v2/token"')
  const named = await withPolicy(`public_url: https://r.example\n${OPEN_PULL}`)
  expect((await named.request('GET', '/v2/')).headers.get('www-authenticate')).toContain(
    'realm="https://r.example/v2/token"',
  )
})

test('everybody pulls, with and without a token; pushing needs a login and says which scope', async () => {
  const registry = await withPolicy(OPEN_PULL)
  const anonymous = await tokenFor(registry, 'repository:team/app:pull,push')
  for (const options of [{}, bearer(anonymous), { headers: { authorization: 'Basic Og==' } }]) {
    expect((await registry.request('GET', '/v2/team/app/manifests/v1', options)).status).toBe(404)
    const denied = await registry.request('POST', START, options)
    expect(denied.status).toBe(401)
    expect(denied.headers.get('www-authenticate')).toContain('scope="repository:team/app:pull,push"')
  }
  expect((await registry.request('GET', '/v2/', bearer(anonymous))).status).toBe(200)
  const refused = await registry.request('POST', START, bearer(anonymous))
  expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
  expect(await codes(refused)).toEqual(['UNAUTHORIZED'])
})

test('a login pushes by token and by Basic, and only where its rules say', async () => {
  const registry = await withPolicy(OPEN_PULL)
  const token = await tokenFor(registry, 'repository:team/app:pull,push', basic(CARLA))
  expect((await registry.request('POST', START, bearer(token))).status).toBe(202)
  expect((await registry.request('POST', START, { headers: { authorization: basic(CARLA) } })).status).toBe(202)
  const elsewhere = await registry.request('POST', '/v2/other/blobs/uploads/', {
    headers: { authorization: basic(CARLA) },
  })
  expect(elsewhere.status).toBe(403)
  expect(await codes(elsewhere)).toEqual(['DENIED'])
  const dave = await tokenFor(registry, 'repository:team/app:pull,push', basic(DAVE))
  expect((await registry.request('POST', START, bearer(dave))).status).toBe(403)
})

test('a token opens what it was asked for, no more, though its owner may', async () => {
  const registry = await withPolicy(OPEN_PULL)
  const token = await tokenFor(registry, 'repository:team/app:pull', basic(CARLA))
  const response = await registry.request('POST', START, bearer(token))
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
  const other = await tokenFor(registry, 'repository:team/other:push', basic(CARLA))
  expect((await registry.request('POST', START, bearer(other))).status).toBe(401)
})

test.for(['carla:wrong', 'nobody:secret', 'carla:', ':', 'carla'])('%j is no login', async (login) => {
  const registry = await withPolicy(OPEN_PULL)
  const headers = { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
  for (const path of ['/v2/', '/v2/token', '/v2/team/app/manifests/v1']) {
    const expected = login === ':' && path !== '/v2/' ? [200, 404] : [401]
    expect(expected).toContain((await registry.request('GET', path, { headers })).status)
  }
})

test.for(['Bearer', 'Bearer x', 'Bearer a.b.c', 'Digest username="carla"', 'Basic', 'Basic %%%'])(
  'the header %j lets nobody in',
  async (authorization) => {
    const registry = await withPolicy(OPEN_PULL)
    const response = await registry.request('GET', '/v2/team/app/tags/list', { headers: { authorization } })
    expect(response.status).toBe(401)
  },
)

test('a changed token is none', async () => {
  const registry = await withPolicy(OPEN_PULL)
  const token = await tokenFor(registry, 'repository:team/app:pull', basic(CARLA))
  const [header, payload, signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as Record<string, unknown>
  const more = { ...claims, access: [{ type: 'repository', name: 'team/app', actions: ['push'] }] }
  const forged = [
    `${header}.${Buffer.from(JSON.stringify(more)).toString('base64url')}.${signature}`,
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`,
    `${header}.${payload}.`,
    `${token}.x`,
  ]
  for (const each of forged) {
    const response = await registry.request('POST', START, bearer(each))
    expect(response.status).toBe(401)
  }
})

test('a token dies at its time, and a refresh token opens nothing by itself', async () => {
  let now = new Date('2026-01-01T00:00:00Z')
  const registry = await testRegistry({ policy: policyOf(OPEN_PULL, users), clock: { now: () => now } })
  const token = await tokenFor(registry, 'repository:team/app:push', basic(CARLA))
  now = new Date(now.getTime() + 299_000)
  expect((await registry.request('POST', START, bearer(token))).status).toBe(202)
  now = new Date(now.getTime() + 2000)
  const late = await registry.request('POST', START, bearer(token))
  expect(late.headers.get('www-authenticate')).toContain('error="invalid_token"')
  const refresh = await postToken(registry, {
    grant_type: 'password',
    username: 'carla',
    password: 'secret-c',
    access_type: 'offline',
    scope: 'repository:team/app:push',
  })
  const { refresh_token: held } = (await refresh.json()) as { refresh_token: string }
  expect((await registry.request('POST', START, bearer(held))).status).toBe(401)
})

function postToken(registry: TestRegistry, fields: Record<string, string>): Promise<Response> {
  return registry.request('POST', '/v2/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })
}

test('OAuth2: a password buys a token and a refresh token, which buys the next', async () => {
  const registry = await withPolicy(CLOSED)
  const scope = 'repository:team/app:pull,push repository:team/base:pull'
  const login = { grant_type: 'password', service: 'x', client_id: 'y', username: 'carla', password: 'secret-c' }
  const first = await postToken(registry, { ...login, scope, access_type: 'offline' })
  const { access_token: token, refresh_token: held, ...rest } = (await first.json()) as Record<string, string>
  expect(rest['scope']).toBe(scope)
  expect((await registry.request('POST', START, bearer(token ?? ''))).status).toBe(202)
  const second = await postToken(registry, { grant_type: 'refresh_token', refresh_token: held ?? '', scope })
  const { access_token: next, refresh_token: none } = (await second.json()) as Record<string, string>
  expect(none).toBeUndefined()
  expect((await registry.request('POST', START, bearer(next ?? ''))).status).toBe(202)
  expect((await postToken(registry, { ...login, password: 'wrong' })).status).toBe(401)
  expect((await postToken(registry, { grant_type: 'refresh_token', refresh_token: token ?? '' })).status).toBe(401)
  expect((await postToken(registry, { grant_type: 'device_code' })).status).toBe(405)
})

test('the token endpoint gives nothing to nobody when nothing is open', async () => {
  const registry = await withPolicy(CLOSED)
  const response = await registry.request('GET', '/v2/token?scope=repository:team/app:pull')
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toBe('Basic realm="provisioner"')
})

test('a scope of "*" is what the rules allow; odd scopes are left out', async () => {
  const registry = await withPolicy(OPEN_PULL)
  const scopes = 'repository:team/app:* repository:Bad:pull registry:catalog:* x:y:z repository:other:push'
  const token = await tokenFor(registry, scopes, basic(CARLA))
  const { access } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { access: unknown }
  expect(access).toEqual([
    { type: 'repository', name: 'team/app', actions: ['pull', 'push', 'delete'] },
    { type: 'registry', name: 'catalog', actions: ['*'] },
  ])
})

test('the catalog shows what the caller may pull, page by page', async () => {
  const root = (await filled()).root
  const registry = await testRegistry({ root, policy: policyOf(CLOSED, users) })
  const list = async (path: string, login: string) => {
    const response = await registry.request('GET', path, { headers: { authorization: basic(login) } })
    const { repositories } = (await response.json()) as { repositories: string[] }
    return { repositories, link: response.headers.get('link') }
  }
  expect((await list('/v2/_catalog', DAVE)).repositories).toEqual(['team/docs'])
  expect((await list('/v2/_catalog', CARLA)).repositories).toEqual(['team/app', 'team/docs', 'team/zoo'])
  const first = await list('/v2/_catalog?n=2', CARLA)
  expect(first.repositories).toEqual(['team/app', 'team/docs'])
  expect(first.link).toContain('last=team%2Fdocs')
  const last = await list('/v2/_catalog?n=2&last=team/docs', CARLA)
  expect(last).toEqual({ repositories: ['team/zoo'], link: null })
  expect((await registry.request('GET', '/v2/_catalog')).status).toBe(401)
})

async function filled(): Promise<TestRegistry> {
  const registry = await testRegistry()
  for (const name of ['alpha', 'other/app', 'team/app', 'team/docs', 'team/zoo']) await pushImage(registry, name, 'v1')
  await registry.close()
  return registry
}

test('a blob is mounted only from where the caller may pull, named or not', async () => {
  const open = await testRegistry()
  const secret = await pushBlob(open, 'secret/one', 'hidden')
  const shared = await pushBlob(open, 'team/base', 'shared')
  await open.close()
  const registry = await testRegistry({ root: open.root, policy: policyOf(CLOSED, users) })
  const options = { headers: { authorization: basic(CARLA) } }
  const mount = (query: string) => registry.request('POST', `${START}?${query}`, options)
  expect((await mount(`mount=${shared.digest}&from=team/base`)).status).toBe(201)
  expect((await mount(`mount=${shared.digest}`)).status).toBe(201)
  expect((await mount(`mount=${secret.digest}&from=secret/one`)).status).toBe(202)
  expect((await mount(`mount=${secret.digest}`)).status).toBe(202)
  expect((await mount('mount=sha256:0&from=secret/one')).status).toBe(400)
})

test('a token mounts only from what it was asked for', async () => {
  const open = await testRegistry()
  const shared = await pushBlob(open, 'team/base', 'shared')
  await open.close()
  const registry = await testRegistry({ root: open.root, policy: policyOf(OPEN_PULL, users) })
  const path = `${START}?mount=${shared.digest}&from=team/base`
  const narrow = await tokenFor(registry, 'repository:team/app:pull,push', basic(CARLA))
  expect((await registry.request('POST', path, bearer(narrow))).status).toBe(202)
  const both = await tokenFor(registry, 'repository:team/app:pull,push repository:team/base:pull', basic(CARLA))
  expect((await registry.request('POST', path, bearer(both))).status).toBe(201)
})

test('tokens survive a restart of the registry', async () => {
  const first = await withPolicy(OPEN_PULL)
  const token = await tokenFor(first, 'repository:team/app:push', basic(CARLA))
  await first.close()
  const second = await testRegistry({ root: first.root, policy: policyOf(OPEN_PULL, users) })
  expect((await second.request('POST', START, bearer(token))).status).toBe(202)
})

test('a policy that says nothing about people leaves a registry open; an empty list of rules closes it', async () => {
  const silentAboutPeople = await testRegistry({ policy: policyOf("quotas: [{ prefix: '', bytes: 1GiB }]") })
  expect((await silentAboutPeople.request('GET', '/v2/')).status).toBe(200)
  expect((await silentAboutPeople.request('POST', START)).status).toBe(202)
  const closed = await testRegistry({ policy: policyOf('rules: []') })
  expect((await closed.request('GET', '/v2/')).status).toBe(401)
  expect((await closed.request('POST', START)).status).toBe(401)
})

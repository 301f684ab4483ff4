import { beforeEach, expect, test } from 'vitest'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'

const PASSWORD = 'correct horse battery'
const OTHER = 'another horse battery'

let api: Api

beforeEach(async () => {
  api = await openApi()
  const user = { name: 'ann', role: 'operator', password: PASSWORD }
  expect((await api.call('POST', '/api/v1/users', user)).status).toBe(201)
  return api.close
})

const byPassword = (password: string) => ({
  authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`,
})

/** A token that ann makes with what she has, and its answer's status. */
async function makeToken(body: object, headers: Record<string, string>) {
  const answer = await api.call('POST', '/api/v1/tokens', { name: 'x', ...body }, headers)
  const { token, expires_at: end } = (await answer.json()) as { token: string; expires_at: string | null }
  return { status: answer.status, end, headers: { authorization: `Bearer ${token}` } }
}

test('a password is changed by who knows the present one: a token alone is not enough', {
  timeout: 60_000,
}, async () => {
  const { headers } = await makeToken({ role: 'reader' }, byPassword(PASSWORD))
  const change = async (password: string, by: Record<string, string>) =>
    (await api.call('POST', '/api/v1/whoami/password', { password, new_password: OTHER }, by)).status
  expect(await change(headers.authorization.replace('Bearer ', ''), headers)).toBe(403)
  expect(await change(PASSWORD, headers)).toBe(204)
  expect((await api.call('GET', '/api/v1/whoami', undefined, byPassword(OTHER))).status).toBe(200)
})

test('a token that ends makes none that lasts longer, unless it is an admin who makes it', {
  timeout: 60_000,
}, async () => {
  const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()
  const end = inHours(2)
  const ending = await makeToken({ expires_at: end }, byPassword(PASSWORD))
  expect(await makeToken({}, ending.headers)).toMatchObject({ status: 201, end })
  expect(await makeToken({ expires_at: inHours(1) }, ending.headers)).toMatchObject({ status: 201 })
  expect(await makeToken({ expires_at: inHours(3) }, ending.headers)).toMatchObject({ status: 403 })
  expect(await makeToken({ expires_at: null }, ending.headers)).toMatchObject({ status: 403 })
  expect(await makeToken({}, byPassword(PASSWORD))).toMatchObject({ status: 201, end: null })

  const admin = { authorization: `Bearer ${api.token}` }
  const login = await makeToken({ owner: null, role: 'admin', expires_at: end }, admin)
  expect(await makeToken({ owner: null, role: 'operator', expires_at: null }, login.headers)).toMatchObject({
    status: 201,
    end: null,
  })
})

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

test('a password is changed by who knows the present one: a token alone is not enough', async () => {
  const { headers } = await makeToken({ role: 'reader' }, byPassword(PASSWORD))
  const change = async (password: string, by: Record<string, string>) =>
    (await api.call('POST', '/api/v1/whoami/password', { password, new_password: OTHER }, by)).status
  const own = headers.authorization.replace('Bearer ', '')
  expect(await change(own, headers)).toBe(403)
  expect(await change(own, byPassword(PASSWORD))).toBe(403)
  expect((await api.call('GET', '/api/v1/whoami', undefined, byPassword(PASSWORD))).status).toBe(200)
  expect(await change(PASSWORD, headers)).toBe(204)
  expect((await api.call('GET', '/api/v1/whoami', undefined, byPassword(OTHER))).status).toBe(200)
})

import { beforeEach, expect, test } from 'vitest'
import { addJob, addServer } from '../support/api-call.ts'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  return api.close
})

test.for([
  ['GET', '/api/v1/jobs'],
  ['POST', '/api/v1/jobs'],
  ['GET', '/api/v1/servers'],
  ['DELETE', '/api/v1/servers/SN1'],
])('%s %s without a token is answered 401 with a problem document', async ([method, path]) => {
  const answer = await api.app.request(path ?? '', { method: method ?? '' })
  expect(answer.status).toBe(401)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(await answer.json()).toMatchObject({ code: 'unauthenticated', status: 401 })
})

test('a reader may look and not change', async () => {
  const headers = { authorization: `Bearer ${api.reader}` }
  expect((await api.app.request('/api/v1/jobs', { headers })).status).toBe(200)
  expect((await api.app.request('/api/v1/jobs', { method: 'POST', headers })).status).toBe(403)
})

test('under /v2/ an API token may do everything, a running job may pull what its recipe names, nobody else anything', async () => {
  await addServer(api.call)
  const { job_id: id } = await addJob(api.call)
  const as = (password: string, username = 'x') => ({
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
  })
  expect((await api.app.request('/v2/')).status).toBe(401)
  expect((await api.app.request('/v2/', as(api.token))).status).toBe(200)
  expect((await api.app.request('/v2/', as(`registry-${id}`, id))).status).toBe(401)
  await api.record.apply(id, { type: 'claimed' })
  expect((await api.app.request('/v2/', as(`registry-${id}`, id))).status).toBe(200)
  expect((await api.app.request('/v2/os/debian/manifests/13', as(`registry-${id}`, id))).status).toBe(404)
  expect((await api.app.request('/v2/os/other/manifests/13', as(`registry-${id}`, id))).status).toBe(403)
  const push = { ...as(`registry-${id}`, id), method: 'POST' }
  expect((await api.app.request('/v2/os/debian/blobs/uploads/', push)).status).toBe(403)
})

test('an unknown path is a problem document, under /v2/ an OCI error', async () => {
  expect(await (await api.app.request('/nowhere')).json()).toMatchObject({ code: 'not-found', status: 404 })
  expect(
    await (await api.app.request('/v2/nowhere', { headers: { authorization: `Bearer ${api.token}` } })).json(),
  ).toHaveProperty('errors')
})

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Keys } from '../../src/server/keys.ts'
import { loadKeys } from '../../src/server/keys.ts'
import { completeJob } from '../server/support/api-call.ts'
import { LINUX_RECIPE } from '../server/support/recipe.ts'
import type { Target } from './target.ts'
import { startTarget } from './target.ts'

const BMC_PASSWORD = 'hunter2-of-the-bmc'
const USER_PASSWORD = 'correct horse battery'

let target: Target
let keys: Keys
beforeAll(async () => {
  target = await startTarget()
  keys = await loadKeys(join(target.dataDir, 'keys'))
}, 60_000)
afterAll(() => target.close(), 60_000)

/** A whole job on a simulated machine; its id. */
async function run(serial: string): Promise<string> {
  const server = { serial, bmc_url: 'simulate:idrac9+quick', bmc_username: 'root', bmc_password: BMC_PASSWORD }
  expect((await target.call('POST', '/api/v1/servers', server)).status).toBe(201)
  return start(serial)
}

async function start(serial: string): Promise<string> {
  const answer = await target.call('POST', '/api/v1/jobs', { server_serial: serial, recipe: LINUX_RECIPE })
  expect(answer.status).toBe(202)
  return ((await answer.json()) as { job_id: string }).job_id
}

const report = (serial: string, secret: string, body: object = { status: 'success' }) =>
  target.call('POST', `/api/v1/status-webhook/${serial}`, body, { 'x-webhook-secret': secret, authorization: '' })
const secretOf = (id: string, attempt = 1) => keys.secrets.webhook({ id, attempt } as never)

test('no secret is in the log or in any answer of a whole job, of logins and of refusals', {
  timeout: 60_000,
}, async () => {
  const id = await run('SN1')
  const job = await completeJob(target.call, id)
  await target.call('POST', '/api/v1/users', { name: 'ann', role: 'reader', password: USER_PASSWORD })
  const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}` })
  await target.call('GET', '/api/v1/whoami', undefined, basic(USER_PASSWORD))
  await target.call('GET', '/api/v1/whoami', undefined, basic('wrong-password-of-ann'))
  await report('SN1', 'guess-of-a-webhook-secret')
  const made = (await (await target.call('POST', '/api/v1/tokens', { name: 'ci', owner: null })).json()) as {
    token: string
  }
  const paths = ['/jobs', `/jobs/${id}`, `/jobs/${id}/events`, `/jobs/${id}/logs`, '/servers', '/servers/SN1', '/users']
  const answers = await Promise.all(
    [...paths, '/users/ann', '/tokens', '/audit'].map(async (path) =>
      (await target.call('GET', `/api/v1${path}`)).text(),
    ),
  )
  const db = new DatabaseSync(join(target.dataDir, 'controller.db'), { readOnly: true })
  const mediaToken = String(db.prepare('SELECT media_token FROM jobs WHERE id = ?').get(id)?.['media_token'])
  db.close()
  const secrets = {
    'BMC password': BMC_PASSWORD,
    'user password': USER_PASSWORD,
    'wrong password': 'wrong-password-of-ann',
    'wrong secret': 'guess-of-a-webhook-secret',
    'admin token': target.admin,
    'new token': made.token,
    'webhook secret': secretOf(id),
    'registry password': keys.secrets.registryPassword({ id, attempt: 1 } as never),
    'media token': mediaToken,
    'master key': readFileSync(join(target.dataDir, 'keys', 'master.key')).toString('base64'),
  }
  expect(mediaToken.length).toBeGreaterThan(20)
  const said = { log: target.log(), answers: answers.join('\n') }
  expect(said.log).toContain(id)
  expect(job.outcome).toBe('success')
  for (const [place, text] of Object.entries(said))
    for (const [name, secret] of Object.entries(secrets))
      expect(text.includes(secret), `${name} in the ${place}`).toBe(false)
})

test('a report is believed of its own job and server only, and a repeat changes nothing', {
  timeout: 60_000,
}, async () => {
  const [one, two] = [await run('SN3'), await run('SN4')]
  expect((await report('SN3', secretOf(two))).status).toBe(401)
  expect((await report('SN4', secretOf(one))).status).toBe(401)
  expect((await report('SN9', secretOf(one))).status).toBe(404)
  expect((await report('SN3', secretOf(one, 2))).status).toBe(401)
  expect((await report('SN3', '')).status).toBe(401)
  const progress = { step: 'image-linux', bytes: 1 }
  const headers = { 'x-webhook-secret': secretOf(two), authorization: '' }
  expect((await target.call('POST', `/api/v1/jobs/${one}/progress`, progress, headers)).status).toBe(401)
  expect((await target.call('POST', `/api/v1/jobs/${one}/logs`, 'forged', headers)).status).toBe(401)
  const before = await completeJob(target.call, one)
  expect((await report('SN3', secretOf(one), { status: 'failed', failed_step: 'x.service' })).status).toBe(200)
  expect(await completeJob(target.call, one)).toMatchObject({ status: 'complete', outcome: before.outcome })
  // A job of the same server that came later is not touched by the secret of the one before.
  const next = await start('SN3')
  expect((await report('SN3', secretOf(one), { status: 'failed', failed_step: 'x.service' })).status).toBe(200)
  expect((await completeJob(target.call, next)).outcome).toBe('success')
})

test('a medium that is over looks like one that never was', { timeout: 60_000 }, async () => {
  const id = await run('SN5')
  await completeJob(target.call, id)
  const ask = async (token: string) => {
    const answer = await target.call('GET', `/media/${token}/task.iso`)
    return [answer.status, (await answer.text()).replaceAll(token, 'TOKEN')]
  }
  const over = await ask(keys.secrets.mediaToken(id, 1))
  expect(over[0]).toBe(404)
  expect(await ask('x'.repeat(32))).toEqual(over)
  expect(await ask('guess')).toEqual(over)
})

test('what accounts change is in the trail, with its result; strangers are not', async () => {
  await target.call('DELETE', '/api/v1/servers/none')
  await target.call('POST', '/api/v1/users', { name: 'x' }, { authorization: 'Bearer stranger' })
  const { entries } = (await (await target.call('GET', '/api/v1/audit?limit=1')).json()) as { entries: object[] }
  const entry = {
    audit: 'deleteServer',
    caller: 'service:first admin',
    address: '127.0.0.1',
    object: 'servers/none',
    status: 404,
  }
  expect(entries).toEqual([{ ...entry, id: expect.any(Number), at: expect.any(String) }])
  const lines = target
    .log()
    .split('\n')
    .filter((line) => line.includes('"msg":"audit"'))
  expect(lines.map((line) => JSON.parse(line) as object).at(-1)).toMatchObject(entry)
})

test('what is pushed is in the trail too', async () => {
  const digest = `sha256:${createHash('sha256').update('layer').digest('hex')}`
  const headers = { 'content-type': 'application/octet-stream', authorization: `Basic ${btoa(`x:${target.admin}`)}` }
  const pushed = await target.call('POST', `/v2/os/debian/blobs/uploads/?digest=${digest}`, 'layer', headers)
  expect(pushed.status).toBe(201)
  const newest = async () => (await (await target.call('GET', '/api/v1/audit?limit=1')).json()) as object
  const row = { audit: 'blob stored', caller: 'account:first admin', object: `os/debian@${digest}`, status: 201 }
  await expect.poll(newest).toMatchObject({ entries: [row] })
})

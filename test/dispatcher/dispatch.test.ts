import { generateKeyPairSync } from 'node:crypto'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { DispatchDeps } from '../../src/dispatcher/dispatch.ts'
import { progressReporter } from '../../src/dispatcher/progress.ts'
import { AppError } from '../../src/shared/errors.ts'
import { dispatching } from './dispatching.ts'
import { JOB, RECIPE, taskImage } from './task-medium.ts'

const here = dispatching()
const other = generateKeyPairSync('ed25519').privateKey

test('a good medium is copied, checked, spelled out for the steps, and handed over', async () => {
  expect(await here.go()).toBe(0)
  expect(here.ran).toEqual(['systemctl start --no-block install-linux.target'])
  expect(await here.run('recipe.env')).toContain('TASK_TARGET=install-linux.target\nTARGET_DISK=/dev/vda\n')
  expect(JSON.parse(await here.run('layout.json'))).toEqual(RECIPE.partition_layout)
  expect(await here.run('user-data')).toBe(RECIPE.user_data)
  expect(await here.run('meta-data')).toBe(`instance-id: ${JOB.job_id}\n`)
  expect(await here.run('task/recipe.json')).toBe(JSON.stringify(RECIPE))
  expect(await here.state()).toMatchObject({ status: 'handed-over', exit_code: 0, task_target: 'install-linux.target' })
  expect(here.said.join('\n')).toContain('the signature of the task medium is good')
})

test('the screen says what is going on, or what is wrong and what to do about it', async () => {
  await here.go()
  const facts = [
    ['target', 'install-linux.target'],
    ['image', RECIPE.oci_url],
  ]
  expect(here.seen).toMatchObject([{ title: 'THIS SERVER IS BEING PROVISIONED', job: JOB, facts }])
  here.seen = []
  await here.go({ recipe: '{}' })
  expect(here.seen[0]?.title).toMatch(/FAILED: no step was started, nothing was written/)
  expect(here.seen[0]?.facts[0]?.[1]).toMatch(/task_target.*\(exit code 14\)/s)
  expect(here.seen[0]?.advice).toMatch(/^Correct the recipe/)
})

test('a medium whose recipe cannot be read still says who is to be told', async () => {
  const image = await taskImage()
  const recipe = image.indexOf(JSON.stringify(RECIPE))
  expect(recipe).toBeGreaterThan(image.indexOf(JOB.webhook.secret))
  expect(await here.go(image.subarray(0, recipe))).toBe(11)
  expect(JSON.parse(await here.run('task/job.json'))).toEqual(JOB)
  expect(await readdir(join(here.at, 'run/task'))).toEqual(['job.json'])
  expect(here.seen[0]).toMatchObject({ job: JOB, advice: expect.stringMatching(/^Retry the job/) })
})

test('who is to be told is kept before the rest of a slow medium is read: the dispatcher may be ended meanwhile', async () => {
  const image = await taskImage()
  const stop = new AbortController()
  const mediumReads = { firstMs: 3600_000, maxMs: 3600_000, attempts: 2 }
  const slow = image.subarray(0, image.indexOf(JSON.stringify(RECIPE)))
  const ended = here.go(slow, { mediumReads, signal: stop.signal })
  await vi.waitFor(async () => expect(JSON.parse(await here.run('task/job.json'))).toEqual(JOB))
  stop.abort(new AppError('job-failed', 'stopped by SIGTERM'))
  expect(await ended).toBe(20)
  expect(here.seen[0]).toMatchObject({ job: JOB })
})

test('a second task gets nothing of the first one', async () => {
  await here.go()
  const { user_data: _, ...bare } = RECIPE
  expect(await here.go({ recipe: JSON.stringify(bare) })).toBe(0)
  const names = await readdir(join(here.at, 'run'))
  expect(names.filter((name) => name.endsWith('-data'))).toEqual([])
  expect(names).toContain('recipe.env')
})

test('secrets are in no file that others may read, and in no line of the log', async () => {
  await here.go()
  const names = await readdir(join(here.at, 'run'), { recursive: true })
  for (const name of names) {
    const { mode } = await stat(join(here.at, 'run', name))
    const open = (mode & 0o077) !== 0 && !name.startsWith('task/') && !name.startsWith('secrets/')
    if (open && !(mode & 0o040000)) expect(await here.run(name), name).not.toMatch(/hush|aHVza/)
  }
  expect((await stat(join(here.at, 'run/task'))).mode & 0o777).toBe(0o700)
  expect((await stat(join(here.at, 'run/secrets'))).mode & 0o777).toBe(0o700)
  expect((await stat(join(here.at, 'run/user-data'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(here.at, 'run'))).mode & 0o777).toBe(0o755)
  expect(here.said.join('\n')).not.toContain('hush')
})

test('an image that trusts no key accepts any signature and says so', async () => {
  await rm(join(here.at, 'trust'), { recursive: true })
  expect(await here.go({ key: other })).toBe(0)
  expect(here.said.join('\n')).toContain('warning: this image trusts no key')
  expect(await here.go({ after: (files) => void files.set('recipe.json', Buffer.from('{}')) })).toBe(19)
})

test('a recipe newer than the program is checked by the schema that came with it', async () => {
  const widen = (files: Map<string, Uint8Array>) => {
    const schema = JSON.parse(Buffer.from(files.get('recipe.schema.json') ?? '').toString())
    schema.$id = 'https://provisioner.dev/schema/recipe-2.json'
    schema.properties.colour = { enum: ['blue'] }
    files.set('recipe.schema.json', Buffer.from(JSON.stringify(schema)))
  }
  expect(await here.go({ recipe: JSON.stringify({ ...RECIPE, colour: 'blue' }), before: widen })).toBe(0)
  expect(await here.run('recipe.env')).toContain('SCHEMA_ID=https://provisioner.dev/schema/recipe-2.json')
  expect(await here.go({ recipe: JSON.stringify({ ...RECIPE, colour: 'red' }), before: widen })).toBe(14)
})

test('a static plan becomes a networkd file before the hand-over, and also when a failure must be reported', async () => {
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: '192.0.2.1', dns: ['192.0.2.53'] }
  expect(await here.go({ job: { ...JOB, network } })).toBe(0)
  expect(here.ran).toEqual(['networkctl reload', 'systemctl start --no-block install-linux.target'])
  expect(await readFile(join(here.at, 'network/10-provision.network'), 'utf8')).toContain(
    'MACAddress=52:54:00:12:34:56\n',
  )
  here.ran = []
  expect(await here.go({ job: { ...JOB, network }, recipe: '{}' })).toBe(14)
  expect(here.ran).toEqual(['networkctl reload'])
})

test('a dispatcher that is ended has the network of its job made, for the report', async () => {
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: null, dns: [] }
  const job = { ...JOB, network }
  const image = await taskImage({ job })
  const stop = new AbortController()
  const { programs } = here.deps
  const run: typeof programs.run = async (command, signal) => {
    signal.throwIfAborted()
    await programs.run(command, signal)
  }
  const mediumReads = { firstMs: 3600_000, maxMs: 3600_000, attempts: 2 }
  const slow = image.subarray(0, image.indexOf(JSON.stringify(RECIPE)))
  const ended = here.go(slow, { mediumReads, programs: { ...programs, run }, signal: stop.signal })
  await vi.waitFor(async () => expect(JSON.parse(await here.run('task/job.json'))).toEqual(job))
  stop.abort(new AppError('job-failed', 'stopped by SIGTERM'))
  expect(await ended).toBe(20)
  expect(here.ran).toEqual(['networkctl reload'])
})

test('another task of the same boot gets nothing of the plan of the first', async () => {
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: null, dns: [] }
  await here.go({ job: { ...JOB, network: { ...network, vlan: 7 } } })
  expect((await readdir(join(here.at, 'network'))).length).toBe(3)
  await writeFile(join(here.at, 'network/80-other.network'), '')
  await here.go({ job: { ...JOB, network } })
  expect(await readdir(join(here.at, 'network'))).toEqual(['10-provision.network', '80-other.network'])
  here.ran = []
  await here.go()
  expect(await readdir(join(here.at, 'network'))).toEqual(['80-other.network'])
  expect(here.ran[0]).toBe('networkctl reload')
})

test('the VLAN interface of another plan is deleted, as systemd-networkd keeps it, and that of the same plan stays', async () => {
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: null, dns: [] }
  const apply = async (vlan?: number) => {
    here.ran = []
    await here.go({ job: { ...JOB, network: { ...network, ...(vlan !== undefined && { vlan }) } } })
    return here.ran.slice(0, -1)
  }
  expect(await apply(100)).toEqual(['networkctl reload'])
  expect(await apply(100)).toEqual(['networkctl reload'])
  expect(await apply(200)).toEqual(['networkctl delete provision', 'networkctl reload'])
  expect(await apply()).toEqual(['networkctl delete provision', 'networkctl reload'])
  expect(await apply()).toEqual(['networkctl reload'])
})

test('the start is told to the controller, with the secret of the job', async () => {
  const posts: unknown[] = []
  const server = createServer((request, response) => {
    request
      .setEncoding('utf8')
      .on('data', (text) => posts.push([request.url, request.headers['x-webhook-secret'], text]))
    request.on('end', () => response.writeHead(204).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const progress: DispatchDeps['progress'] = (job, step, signal) => progressReporter(job, step, here.deps.say, signal)
  await here.go({ job: { ...JOB, controller: { url, ca_pem: null } } }, { progress })
  server.close()
  const body = '{"step":"provision-dispatcher","message":"starting install-linux.target"}'
  expect(posts).toEqual([[`/api/v1/jobs/${JOB.job_id}/progress`, 'hush-webhook', body]])
})

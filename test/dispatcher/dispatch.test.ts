import { generateKeyPairSync } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DispatchDeps, dispatch } from '../../src/dispatcher/dispatch.ts'
import type { Command } from '../../src/dispatcher/exec.ts'
import { progressReporter } from '../../src/dispatcher/progress.ts'
import type { Notice } from '../../src/dispatcher/screen.ts'
import { AppError } from '../../src/shared/errors.ts'
import { imageOf } from '../isobuilder/image-bytes.ts'
import { JOB, KEYS, LABEL, type MediumParts, RECIPE, taskImage } from './task-medium.ts'

const never = new AbortController().signal

let at: string
let said: string[]
let ran: string[]
let seen: Notice[]
let deps: DispatchDeps

beforeEach(async () => {
  at = await mkdtemp(join(tmpdir(), 'dispatch-'))
  for (const name of ['units', 'trust', 'sys/block', 'sys/class/dmi/id', 'dev'])
    await mkdir(join(at, name), { recursive: true })
  await writeFile(join(at, 'units/install-linux.target'), '[Unit]\nX-Provisioner=target\n')
  await writeFile(join(at, 'units/multi-user.target'), '[Unit]\n')
  await writeFile(join(at, 'trust/controller.pub'), KEYS.publicKey.export({ type: 'spki', format: 'pem' }))
  await writeFile(join(at, 'sys/class/dmi/id/product_serial'), 'SN123\n')
  said = []
  ran = []
  seen = []
  const run = async (command: Command) => void ran.push(command.argv.join(' '))
  deps = {
    say: (line) => void said.push(line),
    clock: { now: () => new Date('2026-01-02T03:04:05Z') },
    programs: { run, read: async () => '', feed: run },
    isRoot: true,
    devices: { sys: join(at, 'sys'), dev: join(at, 'dev') },
    mounts: async () => '',
    progress: () => ({
      message: () => undefined,
      announce: async () => undefined,
      bytes: () => undefined,
      flush: async () => undefined,
    }),
    unitDirectories: [join(at, 'units')],
    trustDirectory: join(at, 'trust'),
    networkDirectory: join(at, 'network'),
    screen: async (notice) => void seen.push(notice),
    mediumWaitMs: 300,
  }
})

afterEach(() => rm(at, { recursive: true, force: true }))

async function go(
  parts: MediumParts | Buffer = {},
  more: Partial<DispatchDeps> & { start?: boolean; serial?: string } = {},
) {
  const file = join(at, 'task.iso')
  await writeFile(file, Buffer.isBuffer(parts) ? parts : await taskImage(parts))
  const { start = true, serial, ...changes } = more
  const options = { runDirectory: join(at, 'run'), medium: file, start, serial }
  return dispatch(options, { ...deps, ...changes }, never)
}

const run = (path: string) => readFile(join(at, 'run', path), 'utf8')
const state = async () => JSON.parse(await run('state/dispatcher.json'))

test('a good medium is copied, checked, spelled out for the steps, and handed over', async () => {
  expect(await go()).toBe(0)
  expect(ran).toEqual(['systemctl start --no-block install-linux.target'])
  expect(await run('recipe.env')).toContain('TASK_TARGET=install-linux.target\nTARGET_DISK=/dev/vda\n')
  expect(JSON.parse(await run('layout.json'))).toEqual(RECIPE.partition_layout)
  expect(await run('user-data')).toBe(RECIPE.user_data)
  expect(await run('meta-data')).toBe(`instance-id: ${JOB.job_id}\n`)
  expect(await run('task/recipe.json')).toBe(JSON.stringify(RECIPE))
  expect(await state()).toMatchObject({ status: 'handed-over', exit_code: 0, task_target: 'install-linux.target' })
  expect(said.join('\n')).toContain('the signature of the task medium is good')
})

test('the screen says what is going on, or what is wrong and what to do about it', async () => {
  await go()
  const facts = [
    ['target', 'install-linux.target'],
    ['image', RECIPE.oci_url],
  ]
  expect(seen).toMatchObject([{ title: 'THIS SERVER IS BEING PROVISIONED', job: JOB, facts }])
  seen = []
  await go({ recipe: '{}' })
  expect(seen[0]?.title).toMatch(/FAILED: no step was started, nothing was written/)
  expect(seen[0]?.facts[0]?.[1]).toMatch(/task_target.*\(exit code 14\)/s)
  expect(seen[0]?.advice).toMatch(/^Correct the recipe/)
})

test('a medium whose recipe cannot be read still says who is to be told', async () => {
  const image = await taskImage()
  const recipe = image.indexOf(JSON.stringify(RECIPE))
  expect(recipe).toBeGreaterThan(image.indexOf(JOB.webhook.secret))
  expect(await go(image.subarray(0, recipe))).toBe(11)
  expect(JSON.parse(await run('task/job.json'))).toEqual(JOB)
  expect(await readdir(join(at, 'run/task'))).toEqual(['job.json'])
  expect(seen[0]).toMatchObject({ job: JOB, advice: expect.stringMatching(/^Retry the job/) })
})

test('a second task gets nothing of the first one', async () => {
  await go()
  const { user_data: _, ...bare } = RECIPE
  expect(await go({ recipe: JSON.stringify(bare) })).toBe(0)
  const names = await readdir(join(at, 'run'))
  expect(names.filter((name) => name.endsWith('-data'))).toEqual([])
  expect(names).toContain('recipe.env')
})

test('secrets are in no file that others may read, and in no line of the log', async () => {
  await go()
  const names = await readdir(join(at, 'run'), { recursive: true })
  for (const name of names) {
    const { mode } = await stat(join(at, 'run', name))
    const open = (mode & 0o077) !== 0 && !name.startsWith('task/') && !name.startsWith('secrets/')
    if (open && !(mode & 0o040000)) expect(await run(name), name).not.toMatch(/hush|aHVza/)
  }
  expect((await stat(join(at, 'run/task'))).mode & 0o777).toBe(0o700)
  expect((await stat(join(at, 'run/secrets'))).mode & 0o777).toBe(0o700)
  expect((await stat(join(at, 'run/user-data'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(at, 'run'))).mode & 0o777).toBe(0o755)
  expect(said.join('\n')).not.toContain('hush')
})

const other = generateKeyPairSync('ed25519').privateKey
const FIVE_MISTAKES = JSON.stringify({
  task_target: 'install-linux.target',
  target_disk: '/dev/sda1',
  oci_url: 'http://x',
  partition_layout: [{ size: '12 parsecs', format: 'ntfs' }],
  colour: 'blue',
})

test.for<[number, string, MediumParts, string]>([
  [11, 'has no job.json', { before: (files) => void files.delete('job.json') }, 'has no job.json'],
  [
    11,
    'has a job.json of a later format',
    { before: (files) => void files.set('job.json', Buffer.from('{"format":2}')) },
    'its format is 2',
  ],
  [12, 'has no schema', { before: (files) => void files.delete('recipe.schema.json') }, 'the medium has no schema'],
  [
    12,
    'has a schema that is none',
    { before: (files) => void files.set('recipe.schema.json', Buffer.from('{"type":"strange"}')) },
    'the schema on the medium is not usable',
  ],
  [13, 'has no recipe', { before: (files) => void files.delete('recipe.json') }, 'the medium has none'],
  [13, 'has a recipe that is neither YAML nor JSON', { recipe: '{"a": [}' }, 'neither YAML nor JSON'],
  [14, 'has a recipe with five mistakes', { recipe: FIVE_MISTAKES }, '/partition_layout/0/size: is not a size'],
  [
    18,
    'is for another server',
    { job: { ...JOB, server: { serial: 'SN999', uuid: null } } },
    'it is for the server "SN999", and this one is "SN123"',
  ],
  [
    19,
    'was changed after it was signed',
    { after: (files) => void files.set('recipe.json', Buffer.from('{}')) },
    '"recipe.json" was changed after it was signed',
  ],
  [
    19,
    'has a file more than was signed',
    { after: (files) => void files.set('extra', Buffer.from('x')) },
    '"extra" is not listed',
  ],
  [19, 'was signed by another key', { key: other }, 'no key of this image has signed it'],
  [
    19,
    'is not signed',
    { after: (files) => void files.delete('SHA256SUMS.sig') },
    'no key of this image has signed it',
  ],
])('exit code %i: the medium %s', async ([code, , parts, message]) => {
  expect(await go(parts)).toBe(code)
  expect(said.join('\n')).toContain(message)
  expect(await state()).toMatchObject({ status: 'failed', exit_code: code, message: expect.stringContaining(message) })
  expect(ran).toEqual([])
})

test('every one of five mistakes is told, with its place', async () => {
  await go({ recipe: FIVE_MISTAKES })
  const places = said.map((line) => line.split(': ')[0]).filter((place) => place?.startsWith('/'))
  expect(places.sort()).toEqual([
    '/colour',
    '/oci_url',
    '/partition_layout/0/format',
    '/partition_layout/0/size',
    '/target_disk',
  ])
})

test('exit code 11: a truncated medium', async () => {
  const image = await taskImage()
  const end = image.indexOf('"job_id"')
  expect(await go(image.subarray(0, Math.ceil(end / 2048 - 1) * 2048))).toBe(11)
  expect(said.join('\n')).toContain('Cannot read the task medium')
})

test('exit code 10: no medium, and the screen says what was looked at', async () => {
  expect(await go(await imageOf([], 'OTHER'))).toBe(10)
  await mkdir(join(at, 'sys/block/sr0'))
  const options = { runDirectory: join(at, 'run'), medium: undefined, start: true, serial: undefined }
  expect(await dispatch(options, deps, never)).toBe(10)
  expect(said.join('\n')).toContain(`none is in ${join(at, 'dev/sr0')}`)
})

test('exit code 15: a run directory that cannot be written', async () => {
  await writeFile(join(at, 'run'), 'a file')
  expect(await go()).toBe(15)
})

test.for<[string, string]>([
  ['dance.target', 'this maintenance image has no such target'],
  ['multi-user.target', 'it is no provisioning target'],
])('exit code 16: %s', async ([target, message]) => {
  expect(await go({ recipe: JSON.stringify({ ...RECIPE, task_target: target }) })).toBe(16)
  expect(said.join('\n')).toContain(message)
  expect(await state()).toMatchObject({ status: 'failed', code: 'handover-failed', task_target: target })
})

test('exit code 16: systemctl refuses', async () => {
  const refuse = async () => Promise.reject(new AppError('program-failed', 'Unit install-linux.target is masked'))
  expect(await go({}, { programs: { ...deps.programs, run: refuse } })).toBe(16)
  expect(said.join('\n')).toContain('masked')
})

test('exit code 17: not root, unless nothing is started', async () => {
  expect(await go({}, { isRoot: false })).toBe(17)
  expect(await go({}, { isRoot: false, start: false })).toBe(0)
  expect(await go({}, { isRoot: false, start: false, serial: 'SN5' })).toBe(18)
  expect(ran).toEqual([])
})

test('exit code 20: a bug looks like one', async () => {
  expect(await go({}, { mounts: () => Promise.reject(new TypeError('x is not a function')) })).toBe(20)
  expect(await state()).toMatchObject({ code: 'bug' })
  expect(said.join('\n')).toContain('TypeError')
})

test('an image that trusts no key accepts any signature and says so', async () => {
  await rm(join(at, 'trust'), { recursive: true })
  expect(await go({ key: other })).toBe(0)
  expect(said.join('\n')).toContain('warning: this image trusts no key')
  expect(await go({ after: (files) => void files.set('recipe.json', Buffer.from('{}')) })).toBe(19)
})

test('a recipe newer than the program is checked by the schema that came with it', async () => {
  const widen = (files: Map<string, Uint8Array>) => {
    const schema = JSON.parse(Buffer.from(files.get('recipe.schema.json') ?? '').toString())
    schema.$id = 'https://provisioner.dev/schema/recipe-2.json'
    schema.properties.colour = { enum: ['blue'] }
    files.set('recipe.schema.json', Buffer.from(JSON.stringify(schema)))
  }
  expect(await go({ recipe: JSON.stringify({ ...RECIPE, colour: 'blue' }), before: widen })).toBe(0)
  expect(await run('recipe.env')).toContain('SCHEMA_ID=https://provisioner.dev/schema/recipe-2.json')
  expect(await go({ recipe: JSON.stringify({ ...RECIPE, colour: 'red' }), before: widen })).toBe(14)
})

test('a static plan becomes a networkd file before the hand-over, and also when a failure must be reported', async () => {
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: '192.0.2.1', dns: ['192.0.2.53'] }
  expect(await go({ job: { ...JOB, network } })).toBe(0)
  expect(ran).toEqual(['networkctl reload', 'systemctl start --no-block install-linux.target'])
  expect(await readFile(join(at, 'network/10-provision.network'), 'utf8')).toContain('MACAddress=52:54:00:12:34:56\n')
  ran.length = 0
  expect(await go({ job: { ...JOB, network }, recipe: '{}' })).toBe(14)
  expect(ran).toEqual(['networkctl reload'])
})

test('the medium is found by its content on CD drives and removable disks, also when it appears late', async () => {
  const options = { runDirectory: join(at, 'run'), medium: undefined, start: true, serial: undefined }
  for (const name of ['sr0', 'sr1', 'sda', 'loop0']) await mkdir(join(at, 'sys/block', name))
  await writeFile(join(at, 'dev/sr0'), await imageOf([], 'MAINTENANCE'))
  await writeFile(join(at, 'dev/sda'), await taskImage())
  const [code] = await Promise.all([
    dispatch(options, { ...deps, mediumWaitMs: 5000 }, never),
    taskImage().then((image) => writeFile(join(at, 'dev/sr1'), image)),
  ])
  expect(code).toBe(0)
  expect(said.join('\n')).toContain(`found ${LABEL} in ${join(at, 'dev/sr1')}`)
  expect((await state()).protected_devices).toContain('sr1')
})

test('a fixed disk is never looked at, a USB disk is', async () => {
  const options = { runDirectory: join(at, 'run'), medium: undefined, start: true, serial: undefined }
  await mkdir(join(at, 'sys/block/sda'))
  await writeFile(join(at, 'dev/sda'), await taskImage())
  expect(await dispatch(options, deps, never)).toBe(10)
  await mkdir(join(at, 'sys/devices/pci0000:00/usb1/1-2/block/sdb'), { recursive: true })
  await symlink('../devices/pci0000:00/usb1/1-2/block/sdb', join(at, 'sys/block/sdb'))
  await writeFile(join(at, 'dev/sdb'), await taskImage())
  expect(await dispatch(options, deps, never)).toBe(0)
})

test.for([0, 1, 300])('a task medium behind the maintenance medium is found, %i sectors after its end', async (gap) => {
  const maintenance = await imageOf([], 'MAINTENANCE')
  expect(await go(Buffer.concat([maintenance, Buffer.alloc(gap * 2048), await taskImage()]))).toBe(0)
  expect(said.join('\n')).toContain(`at byte ${maintenance.length + gap * 2048}`)
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
  const progress: DispatchDeps['progress'] = (job, step, signal) => progressReporter(job, step, deps.say, signal)
  await go({ job: { ...JOB, controller: { url, ca_pem: null } } }, { progress })
  server.close()
  const body = '{"step":"provision-dispatcher","message":"starting install-linux.target"}'
  expect(posts).toEqual([[`/api/v1/jobs/${JOB.job_id}/progress`, 'hush-webhook', body]])
})

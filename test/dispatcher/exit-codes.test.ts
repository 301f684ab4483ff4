import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AppError } from '../../src/shared/errors.ts'
import { imageOf } from '../isobuilder/image-bytes.ts'
import { dispatching } from './dispatching.ts'
import { JOB, type MediumParts, RECIPE, taskImage } from './task-medium.ts'

const here = dispatching()

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
  [13, 'has a recipe that is no JSON', { recipe: '{"a": [}' }, 'it is not JSON'],
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
  expect(await here.go(parts)).toBe(code)
  expect(here.said.join('\n')).toContain(message)
  expect(await here.state()).toMatchObject({
    status: 'failed',
    exit_code: code,
    message: expect.stringContaining(message),
  })
  expect(here.ran).toEqual([])
})

test('every one of five mistakes is told, with its place', async () => {
  await here.go({ recipe: FIVE_MISTAKES })
  const places = here.said.map((line) => line.split(': ')[0]).filter((place) => place?.startsWith('/'))
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
  expect(await here.go(image.subarray(0, Math.ceil(end / 2048 - 1) * 2048))).toBe(11)
  expect(here.said.join('\n')).toContain('Cannot read the task medium')
})

test('exit code 10: no medium, and the screen says what was looked at', async () => {
  expect(await here.go(await imageOf([], 'OTHER'))).toBe(10)
  await mkdir(join(here.at, 'sys/block/sr0'))
  expect(await here.look()).toBe(10)
  expect(here.said.join('\n')).toContain(`none is in ${join(here.at, 'dev/sr0')}`)
})

test('exit code 15: a run directory that cannot be written', async () => {
  await writeFile(join(here.at, 'run'), 'a file')
  expect(await here.go()).toBe(15)
})

test.for<[string, string]>([
  ['dance.target', 'this maintenance image has no such target'],
  ['multi-user.target', 'it is no provisioning target'],
])('exit code 16: %s', async ([target, message]) => {
  expect(await here.go({ recipe: JSON.stringify({ ...RECIPE, task_target: target }) })).toBe(16)
  expect(here.said.join('\n')).toContain(message)
  expect(await here.state()).toMatchObject({ status: 'failed', code: 'handover-failed', task_target: target })
})

test('exit code 16: systemctl refuses', async () => {
  const refuse = async () => Promise.reject(new AppError('program-failed', 'Unit install-linux.target is masked'))
  expect(await here.go({}, { programs: { ...here.deps.programs, run: refuse } })).toBe(16)
  expect(here.said.join('\n')).toContain('masked')
})

test('exit code 17: not root, unless nothing is started', async () => {
  expect(await here.go({}, { isRoot: false })).toBe(17)
  expect(await here.go({}, { isRoot: false, start: false })).toBe(0)
  expect(await here.go({}, { isRoot: false, start: false, serial: 'SN5' })).toBe(18)
  expect(here.ran).toEqual([])
})

test('exit code 20: a bug looks like one', async () => {
  expect(await here.go({}, { mounts: () => Promise.reject(new TypeError('x is not a function')) })).toBe(20)
  expect(await here.state()).toMatchObject({ code: 'bug' })
  expect(here.said.join('\n')).toContain('TypeError')
})

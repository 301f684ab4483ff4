import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dispatching } from './dispatching.ts'
import { JOB, type MediumParts, taskImage } from './task-medium.ts'

const here = dispatching()

const OTHER = { ...JOB, job_id: '01JCXSV4G0ABCDEFGHJKMNPQRT', server: { serial: 'SN5', uuid: null } }
const STRANGER = { ...JOB, job_id: '01JCXSV4G0ABCDEFGHJKMNPQRV' }
const ofStranger = { job: STRANGER, key: generateKeyPairSync('ed25519').privateKey }
const withoutJob = { before: (files: Map<string, Uint8Array>) => void files.delete('job.json') }

async function insert(name: string, medium: MediumParts | Buffer): Promise<void> {
  await mkdir(join(here.at, 'sys/block', name))
  await writeFile(join(here.at, 'dev', name), Buffer.isBuffer(medium) ? medium : await taskImage(medium))
}

async function cut(text: string): Promise<Buffer> {
  const image = await taskImage()
  return image.subarray(0, Math.floor(image.indexOf(text) / 2048) * 2048)
}

test.for<[string, () => Promise<MediumParts | Buffer>]>([
  ['is for another server', async () => ({ job: OTHER })],
  ['nobody trusted has signed', async () => ofStranger],
  ['was changed', async () => ({ after: (files) => void files.set('recipe.json', Buffer.from('{}')) })],
  ['cannot be read', () => cut('"job_id"')],
  ['can be read in part', () => cut('#cloud-config')],
  ['has no job.json', async () => withoutJob],
])('a task medium that %s does not hide the right one behind it', async ([, wrong]) => {
  await insert('sr0', await wrong())
  await insert('sr1', {})
  expect(await here.look()).toBe(0)
  expect(here.said.join('\n')).toMatch(
    /found TASK_\S+ in \S+sr0\n.*Is there another task medium\?\nfound TASK_\S+ in \S+sr1\n/s,
  )
  expect(JSON.parse(await here.run('task/job.json'))).toEqual(JOB)
  expect((await here.state())['protected_devices']).toEqual(['sr0', 'sr1'])
  expect(here.seen).toMatchObject([{ title: 'THIS SERVER IS BEING PROVISIONED', job: JOB }])
})

test('when none is the right one, the first is told, and to those it names', async () => {
  await insert('sr0', { job: OTHER })
  await insert('sr1', ofStranger)
  expect(await here.look({ mediumWaitMs: 1000 })).toBe(18)
  expect(JSON.parse(await here.run('task/job.json'))).toEqual(OTHER)
  expect(here.said.join('\n')).toContain('sr1')
  expect(here.seen).toMatchObject([{ job: OTHER }])
})

test('when the first names nobody, its failure is not told to those whom another names', async () => {
  await insert('sr0', withoutJob)
  await insert('sr1', { job: OTHER })
  expect(await here.look({ mediumWaitMs: 1000 })).toBe(11)
  expect(await readdir(join(here.at, 'run/task'))).toEqual([])
  expect(here.seen).toMatchObject([{ job: undefined }])
})

test('a medium for this server whose recipe is wrong is the one: no other is looked for', async () => {
  await insert('sr0', { recipe: '{}' })
  await insert('sr1', {})
  expect(await here.look()).toBe(14)
  expect(here.ran).toEqual([])
})

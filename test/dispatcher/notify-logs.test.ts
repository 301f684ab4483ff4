import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { notify } from '../../src/dispatcher/notify.ts'
import { AppError } from '../../src/shared/errors.ts'
import type { Command } from '../../src/shared/exec.ts'
import { answerOf, reporting } from './reporting.ts'

const never = new AbortController().signal
const lab = reporting()

const paths = () => lab.posts.map(({ path }) => path.split('/').at(path.includes('webhook') ? -2 : -1))
const soon = { pause: async () => undefined }

test('the journal is sent again until it is taken, and before the outcome', async () => {
  lab.logAnswers = [503, 503]
  await notify('failed', { ...lab.deps, ...soon }, never)
  expect(paths()).toEqual(['logs', 'logs', 'logs', 'status-webhook'])
})

test('a journal that was not taken for long is sent once the outcome was, and one that is refused is not insisted on', async () => {
  lab.logAnswers = Array.from({ length: 8 }, () => 503)
  await notify('failed', { ...lab.deps, ...soon }, never)
  expect(paths()).toEqual([...Array.from({ length: 8 }, () => 'logs'), 'status-webhook', 'logs'])
  lab.posts = []
  await rm(join(lab.at, 'state'), { recursive: true })
  await mkdir(join(lab.at, 'state'))
  lab.logAnswers = [404, 404]
  await notify('success', { ...lab.deps, ...soon }, never)
  expect(paths()).toEqual(['logs', 'status-webhook', 'logs'])
})

test('a reporter that is stopped at the logs, after the outcome was taken, is done: the controller switches off then', async () => {
  const stop = new AbortController()
  lab.logAnswers = Array.from({ length: 8 }, () => 503)
  lab.server.on('request', ({ url }) => {
    if (url?.endsWith('/logs') && lab.webhooks().length > 0) stop.abort(new AppError('job-failed', 'stopped'))
  })
  await notify('failed', { ...lab.deps, ...soon }, stop.signal)
  expect(stop.signal.aborted).toBe(true)
  expect(await readFile(join(lab.at, 'state/final.sent'), 'utf8')).toContain('2026')
  expect(lab.said).toContain('delivered')
})

test('the journal is read once, however often it is sent', async () => {
  lab.logAnswers = [503, 503]
  const asked: string[] = []
  const read = async (command: Command) => {
    asked.push(command.argv[0])
    return answerOf(command)
  }
  await notify('success', { ...lab.deps, ...soon, programs: { ...lab.deps.programs, read } }, never)
  expect(paths()).toEqual(['logs', 'logs', 'logs', 'status-webhook'])
  expect(asked.filter((program) => program === 'journalctl')).toHaveLength(1)
})

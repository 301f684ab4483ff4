import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { progressReporter } from '../../src/dispatcher/progress.ts'
import { JOB } from './task-medium.ts'

const never = new AbortController().signal
const ERASING = 'erasing /dev/vda'

let server: Server
let answers: number[]
let posts: unknown[]

beforeEach(async () => {
  answers = []
  posts = []
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text) => {
      body += text
    })
    request.on('end', () => {
      posts.push(JSON.parse(body))
      response.writeHead(answers.shift() ?? 200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function announce(ms = 5000, signal = never): Promise<void> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo)?.port ?? 9}`
  const job = { ...JOB, controller: { url, ca_pem: null } }
  return progressReporter(job, 'partition', () => undefined, signal, { announceMs: ms }).announce(ERASING)
}

test('an announcement is sent until the controller has stored it', async () => {
  answers = [503]
  await announce()
  expect(posts).toEqual([0, 1].map(() => ({ step: 'partition', message: ERASING, event: true })))
})

test.for([401, 404, 409])(
  'a controller that answers %i does not run the job any more: it is asked once',
  async (status) => {
    answers = [status]
    await expect(announce()).rejects.toMatchObject({
      code: 'job-transition',
      message: `Cannot go on before the controller knows of "${ERASING}", so nothing was written: it does not run this job any more`,
    })
    expect(posts).toHaveLength(1)
  },
)

test('a controller that is not there in time is told as that, with what the last try met', async () => {
  server.close()
  await new Promise((resolve) => server.once('close', resolve))
  await expect(announce(300)).rejects.toMatchObject({
    code: 'controller-unreachable',
    cause: { message: expect.stringContaining('Cannot reach the controller') },
  })
})

test('a step that is stopped meanwhile ends with what has stopped it', async () => {
  answers = [503]
  const stop = new AbortController()
  setTimeout(() => stop.abort(new Error('stopped by SIGTERM')), 20)
  await expect(announce(5000, stop.signal)).rejects.toThrow('stopped by SIGTERM')
})

test('what a step tells is kept on this machine too, although the controller is not there', async () => {
  server.close()
  const kept: unknown[] = []
  const stop = new AbortController()
  const keep = async (progress: object) => {
    kept.push(progress)
    stop.abort()
  }
  const job = { ...JOB, controller: { url: 'http://127.0.0.1:9', ca_pem: null } }
  const reporter = progressReporter(job, 'image-linux', () => undefined, stop.signal, { keep })
  reporter.bytes(10, 100, 'unpacking')
  await reporter.flush()
  expect(kept).toEqual([{ step: 'image-linux', bytes: 10, total_bytes: 100, message: 'unpacking' }])
})

/** A reporter whose beat comes when the test says so. */
function beating() {
  const beats: (() => void)[] = []
  const every = (_ms: number, action: () => void) => {
    beats.push(action)
    return { [Symbol.dispose]: () => void beats.pop() }
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const job = { ...JOB, controller: { url, ca_pem: null } }
  const reporter = progressReporter(job, 'image-disk', () => undefined, never, { every })
  return { reporter, beats }
}

const writing = (bytes: number) => ({ step: 'image-disk', bytes, total_bytes: 100, message: 'writing' })

test('the last bytes of a phase are told, however soon they follow', async () => {
  const { reporter } = beating()
  for (const done of [10, 50, 100]) reporter.bytes(done, 100, 'writing')
  await reporter.flush()
  expect(posts).toEqual([writing(10), writing(100)])
})

test('while a step runs and has nothing new to tell, what it told last is told again', async () => {
  const { reporter, beats } = beating()
  const [beat = () => {}] = beats
  beat()
  for (const done of [10, 20]) reporter.bytes(done, 100, 'writing')
  await reporter.flush()
  expect(beats).toEqual([])
  beat()
  expect(posts).toEqual([writing(10)])
  beat()
  await reporter.flush()
  expect(posts).toEqual([writing(10), writing(20)])
})

test('a note is an event with what is counted, and the phase goes on after it', async () => {
  const { reporter, beats } = beating()
  reporter.bytes(10, 100, 'writing')
  reporter.note('the connection broke')
  const [beat = () => {}] = beats
  await reporter.flush()
  for (let time = 1; time <= 2; time++) beat()
  await reporter.flush()
  expect(posts).toEqual([writing(10), { ...writing(10), message: 'the connection broke', event: true }, writing(10)])
})

test('a note that a controller was not there for is told before what comes when it is back, once', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const job = { ...JOB, controller: { url, ca_pem: null } }
  const reporter = progressReporter(job, 'image-disk', () => undefined, never, { patienceMs: 100 })
  answers = [503]
  reporter.note('the connection broke')
  await reporter.flush()
  posts = []
  for (const done of [10, 100]) reporter.bytes(done, 100, 'writing')
  await reporter.flush()
  const note = { step: 'image-disk', message: 'the connection broke', event: true }
  expect(posts).toEqual([note, writing(10), writing(100)])
})

test('an announcement is repeated as a sentence, never as an event', async () => {
  const { reporter, beats } = beating()
  await reporter.announce(ERASING)
  for (let time = 1; time <= 2; time++) beats[0]?.()
  await reporter.flush()
  const told = { step: 'image-disk', message: ERASING }
  expect(posts).toEqual([{ ...told, event: true }, told])
})

test('progress that cannot be told is said once, with what the last try met', async () => {
  server.close()
  const said: string[] = []
  const job = { ...JOB, controller: { url: 'http://127.0.0.1:9', ca_pem: null } }
  const reporter = progressReporter(job, 'image-linux', (line) => void said.push(line), never, { patienceMs: 100 })
  for (const text of ['started', 'done']) reporter.message(text)
  await reporter.flush()
  expect(said).toEqual([
    expect.stringMatching(/^progress is not reported: Cannot reach the controller at .*ECONNREFUSED/),
  ])
})

test('of a full memory and of a controller out of reach a person is told each, once', async () => {
  server.close()
  const said: string[] = []
  const keep = () => Promise.reject(new Error('no space left'))
  const options = { patienceMs: 1, keep }
  const job = { ...JOB, controller: { url: 'http://127.0.0.1:9', ca_pem: null } }
  const reporter = progressReporter(job, 'partition', (line) => void said.push(line), never, options)
  for (const text of ['one', 'two']) reporter.message(text)
  await reporter.flush()
  expect(said).toEqual(['progress is not kept: no space left', expect.stringMatching(/^progress is not reported: /)])
})

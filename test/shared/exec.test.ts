import { execPath } from 'node:process'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { AppError } from '../../src/shared/errors.ts'
import { type Command, programs } from '../../src/shared/exec.ts'

const never = new AbortController().signal
const node = (script: string, stdin?: string): Command => ({
  argv: [execPath, '-e', script],
  ...(stdin === undefined ? {} : { stdin }),
})
const ECHO = 'process.stdin.pipe(process.stdout)'

test('lines are shown as they come, of both outputs, the last without its end too', async () => {
  const said: string[] = []
  await programs((line) => said.push(line)).run(
    node('console.log("one\\n\\ntwo"); console.error("three"); process.stdout.write("10%\\r20%")'),
    never,
  )
  expect(said.sort()).toEqual(['10%', '20%', 'one', 'three', 'two'])
})

test('standard input is given and standard output read', async () => {
  expect(await programs(() => undefined).read(node(ECHO, 'text'), never)).toBe('text')
})

test.for<[string, Command, string]>([
  ['an exit code', node('console.error("no space left"); process.exit(3)'), 'it ended with exit code 3\nno space left'],
  ['a signal', node('process.kill(process.pid, "SIGKILL")'), 'it was killed by SIGKILL'],
  ['its absence', { argv: ['no-such-program'] }, 'Cannot finish "no-such-program": there is no such program'],
])('a program fails by %s', async ([, command, message]) => {
  const { run } = programs(() => undefined)
  await expect(run(command, never)).rejects.toMatchObject({
    code: 'program-failed',
    message: expect.stringContaining(message),
  })
})

test('a program that is stopped ends with the reason it was stopped for', async () => {
  const reason = new AppError('job-failed', 'stopped')
  const stop = new AbortController()
  const running = programs(() => stop.abort(reason)).run(
    node('console.log("up"); setInterval(() => 0, 1000)'),
    stop.signal,
  )
  await expect(running).rejects.toBe(reason)
})

test('chunks are fed, one behind the other', async () => {
  const said: string[] = []
  await programs((line) => said.push(line)).feed(
    node(ECHO),
    Readable.from([Buffer.from('a\nb'), Buffer.from('c\n')]),
    never,
  )
  expect(said).toEqual(['a', 'bc'])
})

test('the error of the source wins over that of the starved program', async () => {
  const wrong = new AppError('digest-mismatch', 'other bytes')
  async function* source() {
    yield Buffer.from('some')
    throw wrong
  }
  const starved = node('process.stdin.resume().on("end", () => { process.exitCode = 2 })')
  await expect(programs(() => undefined).feed(starved, source(), never)).rejects.toBe(wrong)
})

test('a stop is heard while the program reads nothing and the pipe is full', async () => {
  const reason = new AppError('job-failed', 'stopped')
  const stop = new AbortController()
  async function* source() {
    yield Buffer.alloc(1 << 20)
    stop.abort(reason)
  }
  const deaf = node('setInterval(() => 0, 1000)')
  await expect(programs(() => undefined).feed(deaf, source(), stop.signal)).rejects.toBe(reason)
})

test('a program that fails wins over the pipe it closes', async () => {
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(65536)
    })(),
  )
  const full = node('process.stdin.once("data", () => { console.error("disk full"); process.exit(2) })')
  await expect(programs(() => undefined).feed(full, endless, never)).rejects.toThrow('disk full')
})

test('the error of the source wins when it comes just after that of the program', async () => {
  const wrong = new AppError('program-failed', 'the disk has an error')
  const failed = Promise.withResolvers<void>()
  async function* source() {
    yield Buffer.from('some')
    await failed.promise
    await new Promise(setImmediate)
    throw wrong
  }
  const full = node('process.stdin.once("data", () => { console.log("failed"); process.exit(2) })')
  const feeding = programs(() => setTimeout(failed.resolve, 100)).feed(full, source(), never)
  await expect(feeding).rejects.toBe(wrong)
})

test('a program that fails is told while its source has nothing to say', async () => {
  async function* silent(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('some')
    await new Promise(() => undefined)
  }
  const full = node('process.stdin.once("data", () => { console.error("disk full"); process.exit(2) })')
  await expect(programs(() => undefined).feed(full, silent(), never)).rejects.toThrow('disk full')
})

test('a program that ends well without reading everything has not done its work', async () => {
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(65536)
    })(),
  )
  const lazy = node('process.stdin.once("data", () => process.exit(0))')
  await expect(programs(() => undefined).feed(lazy, endless, never)).rejects.toThrow('it did not read all of its input')
})

test('a program that is not there is said of one that is fed, too', async () => {
  const missing: Command = { argv: ['no-such-program'] }
  await expect(programs(() => undefined).feed(missing, Readable.from([Buffer.from('a')]), never)).rejects.toThrow(
    'Cannot finish "no-such-program": there is no such program',
  )
})

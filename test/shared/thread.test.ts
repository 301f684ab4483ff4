import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { startThread } from '../../src/shared/thread.ts'

const ECHO = `
const { parentPort, workerData } = require('node:worker_threads')
parentPort.on('message', (text) => parentPort.postMessage(workerData + text))`

const READY = `require('node:worker_threads').parentPort.postMessage('ready')`

test('answers come in order, also those that nobody waits for', async () => {
  using thread = startThread<string, string>(ECHO, 'to ')
  thread.send('one')
  expect(await thread.answer()).toBe('to one')
  expect(thread.answered()).toBeUndefined()
  thread.send('two')
  thread.send('three')
  expect([await thread.answer(), await thread.answer()]).toEqual(['to two', 'to three'])
})

test('a thread that fails before anybody waits for it tells whoever waits later, each time', async () => {
  const failed = { code: 'step-failed', cause: { message: 'no memory' } }
  using thread = startThread<unknown, string>(`${READY}; throw new Error('no memory')`, undefined)
  await vi.waitFor(() => expect(thread.answered()).toBe('ready'))
  await expect(thread.answer()).rejects.toMatchObject(failed)
  thread.send('nobody hears it')
  await expect(thread.answer()).rejects.toMatchObject(failed)
})

test('a thread that cannot be started, and one that cannot load what it needs, are failures of the machine', async () => {
  const failed = { code: 'step-failed', message: 'Cannot go on: a thread failed' }
  const uncloneable = () => undefined
  expect(() => startThread('', uncloneable)).toThrow(expect.objectContaining(failed))
  using thread = startThread('process.dlopen({ exports: {} }, "/no/such.node")', undefined)
  await expect(thread.answer()).rejects.toMatchObject(failed)
})

test('a thread that fails while it is disposed of ends nothing else', async () => {
  // It fails when it is told to: an error may overtake the answer before it.
  const fails = `require('node:worker_threads').parentPort.once('message', () => { throw new Error('too late') })`
  const thread = startThread<string, string>(`${READY}; ${fails}`, undefined)
  expect(await thread.answer()).toBe('ready')
  thread.send('fail')
  // Its error has arrived then, and nobody has seen it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  thread[Symbol.dispose]()
  await setImmediate()
})

test('a thread that ends without a word is an error', async () => {
  using thread = startThread('', undefined)
  await expect(thread.answer()).rejects.toMatchObject({ code: 'step-failed' })
})

test('a process waits for an answer, and ends while its thread has nothing to do', () => {
  const module = join(import.meta.dirname, '../../src/shared/thread.ts')
  const program = `
    const { startThread } = await import(${JSON.stringify(module)})
    const thread = startThread(${JSON.stringify(ECHO)}, 'to ')
    thread.send('one')
    console.log(await thread.answer())`
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect({ stdout, status }).toEqual({ stdout: 'to one\n', status: 0 })
})

test('failures have the code that the caller wants', async () => {
  using thread = startThread('', undefined, 'internal')
  await expect(thread.answer()).rejects.toMatchObject({ code: 'internal' })
})

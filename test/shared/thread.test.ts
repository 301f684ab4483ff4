import { expect, test } from 'vitest'
import { startThread } from '../../src/shared/thread.ts'

const ECHO = `
const { parentPort, workerData } = require('node:worker_threads')
parentPort.on('message', (text) => parentPort.postMessage(workerData + text))`

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
  using thread = startThread('throw new Error("no memory")', undefined)
  await expect(thread.answer()).rejects.toThrow('no memory')
  thread.send('nobody hears it')
  await expect(thread.answer()).rejects.toThrow('no memory')
})

test('a thread that ends without a word is an error', async () => {
  using thread = startThread('', undefined)
  await expect(thread.answer()).rejects.toMatchObject({ code: 'step-failed' })
})

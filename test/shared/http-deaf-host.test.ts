import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { openConnections, sendRequest } from '../../src/shared/http-client.ts'

/** The port of a listener that takes nothing: Linux drops the SYN of whoever comes when its backlog is full. */
async function deafPort(): Promise<number> {
  const listen = `
    const { parentPort } = require('node:worker_threads')
    const server = require('node:net').createServer()
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const worker = new Worker(listen, { eval: true })
  const port = await new Promise<number>((resolve) => worker.once('message', resolve))
  const waiting: Socket[] = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  onTestFinished(async () => {
    for (const socket of waiting) socket.destroy()
    await worker.terminate()
  })
  return port
}

test('a connection that is never opened is given up as one that is silent', async () => {
  const port = await deafPort()
  const connections = openConnections({})
  onTestFinished(() => connections.close())
  for (const [scheme, own] of [['http', {}] as const, ['https', { connections }] as const]) {
    const url = new URL(`${scheme}://127.0.0.1:${port}/`)
    await expect(sendRequest({ url, idleMs: 100, ...own }, AbortSignal.timeout(3000))).rejects.toThrow(
      'no byte arrived',
    )
  }
})

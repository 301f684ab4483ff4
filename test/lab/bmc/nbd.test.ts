import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { openHttpMedium } from './http-medium.ts'
import { startNbd } from './nbd.ts'

const CONTENT = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251))

/** A medium behind HTTP with single ranges; `down` makes it answer nothing but 503. */
async function medium() {
  const state = { down: false, gets: [] as string[] }
  const server = createServer((request, response) => {
    if (state.down) return void response.writeHead(503).end()
    if (request.method === 'HEAD') return void response.writeHead(200, { 'Content-Length': CONTENT.length }).end()
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    state.gets.push(`${start}-${end}`)
    response.writeHead(206).end(CONTENT.subarray(Number(start), Number(end) + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/boot.iso` }
}

test('reads become ranges of at most 128 KiB, each asked for once', async () => {
  const { state, url } = await medium()
  const opened = await openHttpMedium(url)
  onTestFinished(() => opened.close())
  expect(opened.size).toBe(CONTENT.length)
  expect(await opened.read(131_000, 200)).toEqual(CONTENT.subarray(131_000, 131_200))
  expect(await opened.read(299_990, 10)).toEqual(CONTENT.subarray(299_990))
  await opened.read(0, 4096)
  expect(state.gets.toSorted()).toEqual(['0-131071', '131072-262143', '262144-299999'])
})

test('a read waits for a media server that comes back', async () => {
  const { state, url } = await medium()
  const opened = await openHttpMedium(url)
  onTestFinished(() => opened.close())
  state.down = true
  const reading = opened.read(0, 512)
  setImmediate(() => {
    state.down = false
  })
  expect(await reading).toEqual(CONTENT.subarray(0, 512))
})

test('a medium that is not there cannot be opened', async () => {
  const { state, url } = await medium()
  state.down = true
  await expect(openHttpMedium(url)).rejects.toThrow('the server answers 503 to HEAD')
})

test('the NBD handshake and a read are as in the protocol, byte for byte', async () => {
  const shown = { size: CONTENT.length, read: async (at: number, length: number) => CONTENT.subarray(at, at + length) }
  const server = await startNbd((name) => (name === 'm1' ? shown : undefined))
  onTestFinished(() => server.close())
  const socket = connect(server.port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const received = async (bytes: number) => {
    await expect.poll(() => Buffer.concat(chunks).length, { interval: 1 }).toBe(bytes)
    return Buffer.concat(chunks.splice(0)).toString('hex')
  }
  expect(await received(18)).toBe(['4e42444d41474943', '49484156454f5054', '0003'].join(''))
  // Client flags; NBD_OPT_GO (7) for "nope", then for "m1", no information asked for.
  socket.write(
    Buffer.from(`00000003 49484156454f5054 00000007 0000000a 00000004 6e6f7065 0000`.replaceAll(' ', ''), 'hex'),
  )
  expect(await received(20)).toBe('0003e889045565a9' + '00000007' + '80000006' + '00000000')
  socket.write(Buffer.from(`49484156454f5054 00000007 00000008 00000002 6d31 0000`.replaceAll(' ', ''), 'hex'))
  const size = CONTENT.length.toString(16).padStart(16, '0')
  const info = `0003e889045565a9 00000007 00000003 0000000c 0000 ${size} 0103`
  expect(await received(52)).toBe(`${info} 0003e889045565a9 00000007 00000001 00000000`.replaceAll(' ', ''))
  // NBD_CMD_READ of 4 bytes at 1000.
  socket.write(Buffer.from(`25609513 0000 0000 1122334455667788 00000000000003e8 00000004`.replaceAll(' ', ''), 'hex'))
  const data = CONTENT.subarray(1000, 1004).toString('hex')
  expect(await received(20)).toBe(`67446698 00000000 1122334455667788 ${data}`.replaceAll(' ', ''))
})

import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'

/**
 * What an NBD server shows: read-only, of a fixed size while it is there. A `read` may take long; it is answered when it is
 * done, and others before it.
 */
export interface NbdExport {
  readonly size: number
  read(offset: number, length: number): Promise<Buffer>
}

export interface NbdServer {
  readonly port: number
  close(): Promise<void>
}

// Numbers of the NBD protocol (github.com/NetworkBlockDevice/nbd, doc/proto.md).
const NBDMAGIC = 0x4e42444d41474943n
const IHAVEOPT = 0x49484156454f5054n
const OPTION_REPLY = 0x3e889045565a9n
const REQUEST = 0x25609513
const SIMPLE_REPLY = 0x67446698
const FLAG_FIXED_NEWSTYLE_NO_ZEROES = 3
/** HAS_FLAGS, READ_ONLY, and CAN_MULTI_CONN, since nothing ever changes. */
const EXPORT_FLAGS = 0b1_0000_0011
const OPTION = { exportName: 1, abort: 2, info: 6, go: 7 }
const REPLY = { ack: 1, info: 3, unsupported: 0x80000001, unknown: 0x80000006 }
const COMMAND = { read: 0, disconnect: 2 }
const ERROR = { permission: 1, io: 5, invalid: 22 }
const MAX_LENGTH = 32 * 1024 * 1024

/** A read-only NBD server on a port of this machine; an export name without an export is refused. */
export async function startNbd(find: (name: string) => NbdExport | undefined): Promise<NbdServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    talk(socket, find).catch(() => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function talk(socket: Socket, find: (name: string) => NbdExport | undefined): Promise<void> {
  const take = reader(socket)
  socket.write(Buffer.concat([u64(NBDMAGIC), u64(IHAVEOPT), u16(FLAG_FIXED_NEWSTYLE_NO_ZEROES)]))
  const noZeroes = ((await take(4)).readUInt32BE() & 2) !== 0
  const shown = await negotiate(socket, take, find, noZeroes)
  if (shown === undefined) return void socket.end()
  for (;;) {
    const request = await take(28)
    if (request.readUInt32BE(0) !== REQUEST) return void socket.destroy()
    const command = request.readUInt16BE(6)
    if (command === COMMAND.disconnect) return void socket.end()
    const handle = request.subarray(8, 16)
    const [offset, length] = [Number(request.readBigUInt64BE(16)), request.readUInt32BE(24)]
    // Only a write carries data behind its head; the export is read-only, so the client is broken.
    if (command === 1) return void socket.destroy()
    void answer(socket, shown, { command, handle, offset, length })
  }
}

/** Options until an export is chosen; `undefined` when the client leaves. */
async function negotiate(
  socket: Socket,
  take: (bytes: number) => Promise<Buffer>,
  find: (name: string) => NbdExport | undefined,
  noZeroes: boolean,
): Promise<NbdExport | undefined> {
  for (;;) {
    const head = await take(16)
    const [option, length] = [head.readUInt32BE(8), head.readUInt32BE(12)]
    if (head.readBigUInt64BE(0) !== IHAVEOPT || length > 8192) return undefined
    const data = await take(length)
    const reply = (type: number, content: Buffer = Buffer.alloc(0)) =>
      socket.write(Buffer.concat([u64(OPTION_REPLY), u32(option), u32(type), u32(content.length), content]))
    if (option === OPTION.abort) {
      reply(REPLY.ack)
      return undefined
    }
    if (option === OPTION.exportName) {
      const found = find(data.toString('utf8'))
      if (found === undefined) return undefined
      const zeroes = Buffer.alloc(noZeroes ? 0 : 124)
      socket.write(Buffer.concat([u64(BigInt(found.size)), u16(EXPORT_FLAGS), zeroes]))
      return found
    }
    if (option !== OPTION.info && option !== OPTION.go) {
      reply(REPLY.unsupported)
      continue
    }
    const found = find(data.subarray(4, 4 + data.readUInt32BE(0)).toString('utf8'))
    if (found === undefined) {
      reply(REPLY.unknown)
      continue
    }
    reply(REPLY.info, Buffer.concat([u16(0), u64(BigInt(found.size)), u16(EXPORT_FLAGS)]))
    reply(REPLY.ack)
    if (option === OPTION.go) return found
  }
}

interface Request {
  readonly command: number
  readonly handle: Buffer
  readonly offset: number
  readonly length: number
}

async function answer(socket: Socket, shown: NbdExport, request: Request): Promise<void> {
  const { command, handle, offset, length } = request
  const reply = (error: number, data: Buffer = Buffer.alloc(0)) =>
    socket.writable && socket.write(Buffer.concat([u32(SIMPLE_REPLY), u32(error), handle, data]))
  if (command !== COMMAND.read) return void reply(ERROR.permission)
  if (offset + length > shown.size || length > MAX_LENGTH) return void reply(ERROR.invalid)
  await shown.read(offset, length).then(
    (data) => reply(0, data),
    () => reply(ERROR.io),
  )
}

/** Takes exact numbers of bytes from a socket; never settles once the socket is gone. */
function reader(socket: Socket): (bytes: number) => Promise<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  let waiting: { bytes: number; resolve: (data: Buffer) => void } | undefined
  function serve(): void {
    if (waiting === undefined || held.length < waiting.bytes) return
    const { bytes, resolve } = waiting
    waiting = undefined
    const data = held.subarray(0, bytes)
    held = held.subarray(bytes)
    resolve(data)
  }
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    serve()
  })
  return (bytes) =>
    new Promise((resolve) => {
      waiting = { bytes, resolve }
      serve()
    })
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

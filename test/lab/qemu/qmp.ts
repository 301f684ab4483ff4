import { type AddressInfo, createServer, type Socket } from 'node:net'

/** The control socket of one QEMU process (docs/interop/qmp-spec of QEMU). */
export interface Qmp {
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>
  close(): void
}

type Waiting = { resolve(value: unknown): void; reject(error: Error): void }

export interface QmpListener {
  /** QEMU connects to it, so nobody has to guess when it is ready. */
  readonly port: number
  /** The first connection, or an error when `ended` resolves before it. */
  accept(ended: Promise<void>, onEvent: (name: string, data: unknown) => void): Promise<Qmp>
}

/** Waits for one QEMU on a port of this machine. */
export async function listenForQmp(): Promise<QmpListener> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async accept(ended, onEvent) {
      const socket = await Promise.race([connected, ended])
      server.close()
      if (socket === undefined) throw new Error('it ended before it could be controlled')
      return control(socket, onEvent)
    },
  }
}

async function control(socket: Socket, onEvent: (name: string, data: unknown) => void): Promise<Qmp> {
  const waiting = new Map<number, Waiting>()
  let next = 1
  let text = ''
  let greeted: () => void = () => undefined
  const greeting = new Promise<void>((resolve) => {
    greeted = resolve
  })

  function receive(line: string): void {
    const message = JSON.parse(line) as Record<string, unknown>
    if ('QMP' in message) greeted()
    if (typeof message['event'] === 'string') onEvent(message['event'], message['data'])
    if (!('id' in message)) return
    const id = Number(message['id'])
    const asked = waiting.get(id)
    waiting.delete(id)
    if ('error' in message) asked?.reject(new Error(`QMP: ${JSON.stringify(message['error'])}`))
    else asked?.resolve(message['return'])
  }

  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') receive(line)
  })
  socket.on('error', () => socket.destroy())
  socket.once('close', () => {
    greeted()
    for (const { reject } of waiting.values()) reject(new Error('QMP: the virtual machine has ended'))
    waiting.clear()
  })

  const qmp: Qmp = {
    execute(execute, args = {}) {
      return new Promise((resolve, reject) => {
        if (!socket.writable) return reject(new Error('QMP: the virtual machine has ended'))
        const id = next++
        waiting.set(id, { resolve, reject })
        socket.write(`${JSON.stringify({ execute, arguments: args, id })}\n`)
      })
    },
    close: () => socket.destroy(),
  }
  await greeting
  await qmp.execute('qmp_capabilities')
  return qmp
}

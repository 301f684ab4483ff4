import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Mortal } from './death.ts'

/** Whether the next request is lost, or its answer. */
export type Cut = () => 'before' | 'after' | undefined

/** The way from one run of the controller to a BMC: each request is a step, and answers of a dead one go nowhere. */
export async function mortalProxy(
  target: string,
  mortal: Mortal,
  cut: Cut,
): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((incoming, outgoing) => {
    const name = `${incoming.method} ${incoming.url}`
    const lost = cut()
    const forwarded = async () => {
      const answered = lost === 'before' ? undefined : await forward(incoming, target)
      if (lost !== undefined || answered === undefined) throw new Error('the BMC restarts')
      return answered
    }
    const step = incoming.method === 'GET' ? mortal.look(forwarded) : mortal.step(name, forwarded)
    step.then(
      ({ answer, body }) => outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(body),
      () => outgoing.destroy(),
    )
    cutOnDeath(mortal, outgoing)
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The dead run's own waits end, so that nothing of it is left behind. */
function cutOnDeath(mortal: Mortal, outgoing: ServerResponse): void {
  void mortal.dead.then(() => outgoing.destroy())
}

async function forward(incoming: IncomingMessage, target: string) {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const options = { method: incoming.method, headers: incoming.headers }
  request(new URL(incoming.url ?? '/', target), options, resolve)
    .once('error', reject)
    .end(Buffer.concat(chunks))
  const answer = await promise
  const body: Buffer[] = []
  for await (const chunk of answer as AsyncIterable<Buffer>) body.push(chunk)
  return { answer, body: Buffer.concat(body) }
}

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { inTools, mustInTools } from '../../test/lab/programs.ts'
import { MANIFEST_TYPE } from './content.ts'

/** Requests a second and in all, by wrk with 32 connections on one thread: faster than any server here. */
export async function wrk(url: string, seconds: number): Promise<number> {
  const out = await mustInTools(['wrk', '-t1', '-c32', `-d${seconds}s`, '-H', `Accept: ${MANIFEST_TYPE}`, url])
  if (/Non-2xx|Socket errors/.test(out)) throw new Error(`wrk ${url}: ${out}`)
  return Number(/(\d+) requests in/.exec(out)?.[1])
}

/** Runs curl once for each list of arguments, all at the same time; gives the seconds until the last one ended. */
export async function curls(calls: readonly (readonly string[])[], directory: string): Promise<number> {
  const binds = [{ host: directory, inside: '/bench', readonly: true }]
  const one = (args: readonly string[]) =>
    `curl --silent --fail --output /dev/null --write-out '%{time_total}\\n' ${args.map((arg) => `'${arg}'`).join(' ')} &`
  const out = await mustInTools(['sh', '-c', `${calls.map(one).join('\n')}\nwait`], { binds, timeoutMs: 300_000 })
  const times = out.trim().split('\n').map(Number)
  if (times.length !== calls.length || times.some(Number.isNaN)) throw new Error(`curl failed: ${out}`)
  return Math.max(...times)
}

/** Keeps `count` curls pulling `url` until the signal aborts. */
export async function keepPulling(url: string, count: number, signal: AbortSignal): Promise<void> {
  const loop = `while curl --silent --fail --output /dev/null '${url}'; do :; done &`
  // The program namespace ends with its shell, so nothing is left pulling.
  await inTools(['sh', '-c', `${loop.repeat(count)}\nwait`], { signal, timeoutMs: 120_000 }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

/**
 * One request after another on each of `connections` raw sockets: wrk cannot HEAD, since it waits for the body that
 * Content-Length speaks of. Gives each answer's milliseconds.
 */
export async function sequential(
  port: number,
  request: { readonly method: string; readonly path: string },
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<number[]> {
  const end = performance.now() + seconds * 1000
  const message = `${request.method} ${request.path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: ${MANIFEST_TYPE}\r\n\r\n`
  const times: number[] = []
  const one = async () => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    const answers = answerReader(socket, request.method === 'HEAD')
    while (performance.now() < end) {
      const sent = performance.now()
      const answer = answers.next()
      socket.write(message)
      await answer
      times.push(performance.now() - sent)
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: connections }, one))
  return times
}

/** Resolves with each whole answer; there is never more than one under way. */
function answerReader(socket: Socket, headOnly: boolean): { next(): Promise<void> } {
  let held = ''
  let done = () => {}
  let fail = (_: Error) => {}
  socket.on('error', (error) => fail(error))
  socket.on('close', () => fail(new Error('the server closed the connection')))
  socket.on('data', (chunk: Buffer) => {
    held += chunk.toString('latin1')
    const head = held.indexOf('\r\n\r\n')
    if (head === -1) return
    if (!held.startsWith('HTTP/1.1 200')) return fail(new Error(held.slice(0, head)))
    const length = headOnly ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(held)?.[1])
    if (held.length < head + 4 + length) return
    held = ''
    done()
  })
  return {
    next: () =>
      new Promise((resolve, reject) => {
        done = resolve
        fail = reject
      }),
  }
}

/** Clients that take the first bytes of an answer and then nothing; they stay until the function that is returned is called. */
export async function slowPullers(port: number, path: string, count: number): Promise<() => void> {
  const pull = async () => {
    const socket = connect({ port, host: '127.0.0.1' })
    // Whatever the server does to it at the end is fine.
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
    await once(socket, 'data')
    socket.pause()
    return socket
  }
  const sockets = await Promise.all(Array.from({ length: count }, pull))
  // Until every server buffer that will be filled is full.
  await delay(2000)
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import type { Medium } from '../../src/server/media/medium.ts'
import { answer } from '../../src/server/routes/media.ts'

/** What was asked for so far. */
export interface Asked {
  requests: number
  bytes: number
}

export interface ServedMedium {
  readonly url: string
  readonly asked: Asked
  close(): Promise<void>
}

/** A medium behind a URL, as the controller serves it. */
export async function serveMedium(medium: Medium): Promise<ServedMedium> {
  const asked: Asked = { requests: 0, bytes: 0 }
  const app = new Hono().get('/m.iso', async (c) => {
    const response = await answer(c, medium)
    asked.requests++
    if (c.req.method === 'GET') asked.bytes += Number(response.headers.get('content-length'))
    return response
  })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/m.iso`,
    asked,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  }
}

/** Requests a second of `bytes` each, by so many clients that each ask one thing after the other, in order or not. */
export async function rangesPerSecond(
  url: string,
  size: number,
  { bytes, clients, random }: { readonly bytes: number; readonly clients: number; readonly random: boolean },
): Promise<number> {
  const count = 4000
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients })
  const places = Math.floor(size / bytes)
  let next = 0
  const begin = performance.now()
  const client = async () => {
    for (let index = next++; index < count; index = next++) {
      const start = ((random ? index * 7919 : index) % places) * bytes
      await range(agent, url, start, start + bytes)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  agent.destroy()
  return count / ((performance.now() - begin) / 1000)
}

function range(agent: http.Agent, url: string, start: number, end: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, headers: { range: `bytes=${start}-${end - 1}` } }, (response) => {
      let got = 0
      response.on('data', (chunk: Buffer) => {
        got += chunk.length
      })
      response.once('end', () =>
        response.statusCode === 206 && got === end - start
          ? resolve()
          : reject(new Error(`status ${response.statusCode}, ${got} bytes`)),
      )
    })
    request.once('error', reject)
  })
}

import { Agent, type IncomingMessage, request } from 'node:http'

/** Requests to the controller under test, with the time each one took. */
export interface Api {
  call<T>(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: T }>
  /** Server-sent events as they come, until the signal aborts. Rejects when the controller does not stream. */
  stream(path: string, onEvent: (id: string) => void, signal: AbortSignal): Promise<void>
  close(): void
}

export function openApi(url: string, token: string, onTime: (milliseconds: number) => void): Api {
  const agent = new Agent({ keepAlive: true, maxSockets: 200 })
  const authorization = `Bearer ${token}`

  function send(method: string, path: string, headers: Record<string, string>, body?: string, signal?: AbortSignal) {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const options = { method, agent, headers: { authorization, ...headers }, ...(signal && { signal }) }
    request(new URL(path, url), options, resolve).once('error', reject).end(body)
    return promise
  }

  return {
    async call<T>(method: string, path: string, body?: unknown) {
      const begun = performance.now()
      const text = body === undefined ? undefined : JSON.stringify(body)
      const answer = await send(method, path, { 'content-type': 'application/json' }, text)
      const chunks: Buffer[] = []
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
      onTime(performance.now() - begun)
      return { status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) as T }
    },
    async stream(path, onEvent, signal) {
      const answer = await send('GET', path, { accept: 'text/event-stream' }, undefined, signal)
      if (!answer.headers['content-type']?.startsWith('text/event-stream')) {
        answer.destroy()
        throw new Error('the controller does not stream')
      }
      let rest = ''
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        const lines = (rest + chunk.toString()).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line.startsWith('id:')) onEvent(line.slice(3).trim())
      }
    },
    close: () => agent.destroy(),
  }
}

/** Below which `share` of the times lie. */
export function percentile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

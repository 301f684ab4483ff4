import { setTimeout as delay } from 'node:timers/promises'
import type { Api } from './api.ts'
import { openApi } from './api.ts'

export interface Clients {
  /** Milliseconds of every request so far. */
  readonly times: number[]
  readonly failures: string[]
  /** Events that came over streams, and jobs that lost one or got one twice. */
  readonly streamed: { events: number; broken: number; polled: number }
  stop(): Promise<void>
}

/** Between two requests of a client that polls. */
const THINK_MS = 250

const paths = (id: string) => [
  `/jobs/${id}`,
  '/jobs?limit=50',
  '/jobs?status=provisioning&limit=50',
  `/jobs/${id}/events`,
  '/servers?limit=50&search=SN-7',
]

/** People and scripts that look: some list, some follow their job by polling, some by its stream of events. */
export function startClients(url: string, token: string, jobs: readonly string[], count: number): Clients {
  const times: number[] = []
  const failures: string[] = []
  const streamed = { events: 0, broken: 0, polled: 0 }
  const ended = new AbortController()
  const { signal } = ended
  const api = openApi(url, token, (time) => times.push(time))

  async function poll(index: number): Promise<void> {
    for (let round = 0; !signal.aborted; round++) {
      const id = jobs[(index * 37 + round) % jobs.length] ?? ''
      const path = paths(id)[round % 5]
      const { status } = await api.call('GET', `/api/v1${path}`)
      if (status !== 200) failures.push(`${path}: ${status}`)
      await delay(THINK_MS)
    }
  }
  const clients = Array.from({ length: count }, (_, index) =>
    (index % 2 === 0 ? poll(index) : follow(api, jobs, index, streamed, signal)).catch((error: unknown) => {
      if (!signal.aborted) failures.push(String(error))
    }),
  )
  return {
    times,
    failures,
    streamed,
    async stop() {
      ended.abort()
      await Promise.all(clients)
      api.close()
    },
  }
}

/** One job after the other to its end. A stream is whole when its numbers follow each other from 1 on. */
async function follow(
  api: Api,
  jobs: readonly string[],
  index: number,
  seen: Clients['streamed'],
  signal: AbortSignal,
) {
  for (let round = 0; !signal.aborted; round++) {
    const id = jobs[(index * 41 + round * 7) % jobs.length] ?? ''
    let next = 1
    const onEvent = (text: string) => {
      seen.events++
      if (!Number.isInteger(Number(text))) return
      if (Number(text) !== next) seen.broken++
      next = Number(text) + 1
    }
    const streams = await api.stream(`/api/v1/jobs/${id}/events`, onEvent, signal).then(
      () => true,
      () => false,
    )
    if (!streams && !signal.aborted) {
      seen.polled++
      await api.call('GET', `/api/v1/jobs/${id}/events`)
    }
    // The stream of a job that is over ends at once: without a pause these would ask a thousand times a second.
    await delay(THINK_MS)
  }
}

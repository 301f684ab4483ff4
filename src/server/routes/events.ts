import { randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import { AppError } from '../../shared/errors.ts'
import type { Endpoints } from '../http/endpoint.ts'
import type { EventStream, EventStreams } from '../http/event-streams.ts'
import { frame } from '../http/event-streams.ts'
import type { Handlers } from '../http/mount.ts'
import { listOf, record } from '../http/schema.ts'
import type { Happening, JobFeed, Listener } from '../jobs/feed.ts'
import type { Job } from '../jobs/machine.ts'
import type { HistoryEntry, JobStore } from '../jobs/ports.ts'
import { EVENT } from './schemas.ts'
import { eventView, jobView } from './views.ts'

export interface EventRouteDeps {
  readonly jobs: Pick<JobStore, 'find' | 'history'>
  readonly feed: JobFeed
  readonly streams: EventStreams
}

const STREAM = { type: 'string' } as const
const LAST_ID = { type: 'string', maxLength: 64, description: 'the id of the last event that was received' } as const

export const EVENT_ENDPOINTS = {
  listEvents: {
    method: 'GET',
    path: '/api/v1/jobs/{id}/events',
    may: 'reader',
    summary: 'List the events of a job, or follow them',
    description:
      'As a list the first thousand behind number "after". With "Accept: text/event-stream" the answer is a stream that ends when the job is complete: "entry" (an Event; its id is seq) and "job" (a Job, also for progress). Who comes back with Last-Event-ID misses nothing; 204 when nothing will come any more.',
    query: { after: { type: 'integer', minimum: 0, description: 'the number of an event' } },
    headers: { 'last-event-id': LAST_ID },
    answers: {
      200: {
        description: 'The events',
        content: {
          'application/json': record('EventList', { events: listOf(EVENT) }),
          'text/event-stream': STREAM,
        },
      },
      204: { description: 'The job is complete, and all its events were received', content: {} },
    },
    errors: ['job-not-found', 'rate-limited'],
  },
  followEvents: {
    method: 'GET',
    path: '/api/v1/events',
    may: 'reader',
    summary: 'Follow the events of all jobs',
    description:
      'A stream of "entry" (an Event with its job_id) and "job" (a Job). "reset" says that events were missed, as the controller was restarted or the client was away for too long: read the lists again.',
    query: { progress: { type: 'boolean', description: 'true or false' } },
    headers: { 'last-event-id': LAST_ID },
    answers: { 200: { description: 'The stream', content: { 'text/event-stream': STREAM } } },
    errors: ['rate-limited'],
  },
} as const satisfies Endpoints

export function eventHandlers(deps: EventRouteDeps): Handlers<typeof EVENT_ENDPOINTS> {
  const { jobs, feed, streams } = deps
  /** Positions are of this process: after a restart none of the old ones means anything. */
  const run = randomBytes(6).toString('hex')
  const toAll = rememberLast((happening: Happening) =>
    happening.kind === 'entry'
      ? frame('entry', { job_id: happening.jobId, ...eventView(happening.entry) }, `${run}-${happening.position}`)
      : frame('job', jobView(happening.job)),
  )

  return {
    async listEvents({ c, params, query, headers, account, reply }) {
      const job = await jobs.find(params.id)
      if (job === undefined) throw new AppError('job-not-found', `Cannot find job "${params.id}"`)
      const after = Number(headers['last-event-id'] || query.after) || 0
      if (!isStreamWanted(c)) return reply(200, { events: (await jobs.history(job.id, after)).map(eventView) })
      const isOver = job.status === 'complete' && headers['last-event-id'] !== undefined
      if (isOver && (await jobs.history(job.id, after)).length === 0) return c.body(null, 204)
      return answer(c, () => streams.open(account.name, (stream) => followJob(job, after, deps, stream)))
    },

    followEvents({ c, query, headers, account }) {
      const from = positionOf(headers['last-event-id'])
      const listener = (stream: EventStream) => (happening: Happening) => {
        if (happening.kind === 'entry' || !happening.isProgress || query.progress) stream.send(toAll(happening))
      }
      return answer(c, () => streams.open(account.name, (stream) => followAll(from, stream, listener(stream))))
    },
  }

  /** Undefined for what is of an earlier controller. */
  function positionOf(lastId: string | undefined): number | undefined {
    if (lastId === undefined) return feed.position
    const [ofRun, position] = lastId.split('-')
    return ofRun === run ? Number(position) : undefined
  }

  /** What is remembered, then what happens: listening begins at the look that found nothing more. */
  async function followAll(from: number | undefined, stream: EventStream, listener: Listener): Promise<void> {
    let at = from
    for (;;) {
      const missed: readonly Happening[] | undefined = at === undefined ? undefined : feed.since(at)
      if (missed?.length === 0) return stream.onEnd(feed.listen(undefined, listener))
      if (missed === undefined) {
        at = feed.position
        await stream.replay(frame('reset', {}, `${run}-${at}`))
      }
      for (const happening of missed ?? []) {
        await stream.replay(toAll(happening))
        if (happening.kind === 'entry') at = happening.position
      }
    }
  }
}

/** What is stored, then what happens: listening begins before reading, so nothing falls between. */
async function followJob(job: Job, after: number, { jobs, feed }: EventRouteDeps, stream: EventStream): Promise<void> {
  let seen = after
  let isLive = false
  // Something happened since the last reading began.
  let isStale = true
  function sendJob(now: Job): void {
    stream.send(jobFrame(now))
    if (now.status === 'complete') stream.end()
  }
  function sendEntry(entry: HistoryEntry): void {
    if (entry.seq <= seen) return
    seen = entry.seq
    stream.send(entryFrame(entry))
  }
  function send(happening: Happening): void {
    if (happening.kind === 'job') sendJob(happening.job)
    else sendEntry(happening.entry)
  }
  function listener(happening: Happening): void {
    if (isLive) send(happening)
    else isStale = true
  }
  stream.onEnd(feed.listen(job.id, listener))
  let now: Job | undefined
  while (isStale) {
    isStale = false
    // The state first: the entries that led to it are in what is read after it.
    now = await jobs.find(job.id)
    const entries = await jobs.history(job.id, seen)
    for (const entry of entries) {
      seen = entry.seq
      await stream.replay(entryFrame(entry))
    }
    if (entries.length > 0) isStale = true
  }
  isLive = true
  sendJob(now ?? job)
}

const entryFrame = rememberLast((entry: HistoryEntry) => frame('entry', eventView(entry), String(entry.seq)))
const jobFrame = rememberLast((job: Job) => frame('job', jobView(job)))

/** A thousand streams are told the same thing: it is written out once. */
function rememberLast<T extends object>(make: (thing: T) => Uint8Array): (thing: T) => Uint8Array {
  let last: { readonly thing: T; readonly bytes: Uint8Array } | undefined
  return (thing) => {
    if (last?.thing !== thing) last = { thing, bytes: make(thing) }
    return last.bytes
  }
}

function isStreamWanted(c: Context): boolean {
  return /\btext\/event-stream\b/.test(c.req.header('accept') ?? '')
}

/** hono runs this for HEAD too and drops the body: a stream that was opened then would never end. */
function answer(c: Context, open: () => ReadableStream<Uint8Array>): Response {
  const headers = {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // nginx would hold events back
    'x-accel-buffering': 'no',
  }
  return c.req.method === 'HEAD' ? c.body(null, 200, headers) : c.body(open() as ReadableStream, 200, headers)
}

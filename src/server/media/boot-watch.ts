import type { Region } from '../../isobuilder/regions.ts'
import type { Logger } from '../../shared/log.ts'
import type { Clock } from '../../shared/time.ts'
import type { Job } from '../jobs/machine.ts'
import { isBooted } from '../jobs/machine.ts'
import type { BootWatch, JobStore } from '../jobs/ports.ts'
import type { JobRecord } from '../jobs/record.ts'
import { taskOffset } from './combined.ts'
import type { Medium } from './medium.ts'
import type { MediaMap, SensorState, Stage } from './sensor.ts'
import { bootSummary, mediaMap, newSensor, observe, rootProgress, stalledFor } from './sensor.ts'

export interface BootWatchDeps {
  readonly jobs: Pick<JobStore, 'note' | 'lastEntry'>
  readonly record: Pick<JobRecord, 'bootProgress'>
  readonly clock: Clock
  readonly log: Logger
  /** Of the maintenance image that the job was begun with. */
  imageOf(job: Job): ImageMap
}

/** What is where on a maintenance image, and on what lies behind it. */
export interface ImageMap {
  /** Of the image itself. */
  readonly bytes: number
  /** Where the task medium begins in the combined one. */
  readonly taskAt: number
  readonly regions: MediaMap
}

/** `regions`: none when it is no ISO image. */
export function imageMap(bytes: number, regions: readonly Region[]): ImageMap {
  const taskAt = taskOffset({ size: bytes })
  const task: Region = { kind: 'task', name: 'task medium', start: taskAt, end: Number.MAX_SAFE_INTEGER }
  return { taskAt, regions: mediaMap([...regions, task]), bytes }
}

/** Media that tell what is read of them. */
export interface MediaSensor extends BootWatch {
  /** The medium of a job, watched. `part`: which one it is; the combined one is both, laid behind each other. */
  watched(job: Job, medium: Medium, part: 'maintenance' | 'task' | 'combined'): Medium
}

interface Boot {
  readonly map: MediaMap
  state: SensorState
  booted: boolean
  publishedAt: number
  stalled: boolean
}

/** Between two writes of the progress: thousands of reads come in that time. */
const PUBLISH_MS = 2_000

const EVENTS: Readonly<Record<Stage, string>> = {
  header: 'volume header read',
  'boot-record': 'boot record read',
  esp: 'boot partition read',
  kernel: 'kernel is being read',
  root: 'root image is being read',
  task: 'task medium is being read',
}

const COPIED = 'the BMC copied the whole medium when it was inserted, so what the server reads cannot be seen'
const UNREAD = 'the BMC fetched the medium when it was inserted, but the server has never read it since'

/**
 * Turns what BMCs read into events of their jobs, and into progress while a server boots. In memory alone: after a restart
 * it begins anew, the events stay.
 */
export function mediaSensor({ jobs, record, clock, log, imageOf }: BootWatchDeps): MediaSensor {
  const boots = new Map<string, Boot>()
  const now = () => clock.now().getTime()
  const failed = (job: Job) => (error: unknown) => log.warn({ err: error, jobId: job.id }, 'media read not noted')
  const note = (job: Job, message: string) =>
    jobs.note(job.id, { type: 'media', message }, clock.now()).catch(failed(job))

  /** What was read while a medium was inserted says nothing about the boot; some BMCs copy all of it then. */
  function bootOf(job: Job): Boot {
    const known = boots.get(job.id)
    const booted = isBooted(job)
    if (known !== undefined && known.booted === booted) return known
    const map = imageOf(job).regions
    const boot = { map, state: newSensor(map), booted, publishedAt: 0, stalled: false }
    boots.set(job.id, boot)
    return boot
  }

  function onRead(job: Job, start: number, end: number): void {
    const boot = bootOf(job)
    const at = now()
    const isFirst = boot.state.lastAt === undefined
    const { state, begun } = observe(boot.state, boot.map, { start, end, at })
    boot.state = state
    boot.stalled = false
    if (!boot.booted) {
      if (isFirst) void note(job, 'the BMC reads the media')
      return
    }
    // Later the maintenance OS tells itself; and a controller that was restarted does not tell everything twice.
    if (job.phase !== 'booting') return
    for (const stage of begun) void note(job, EVENTS[stage])
    if (begun.length > 0 || at - boot.publishedAt >= PUBLISH_MS) void publish(job, boot)
  }

  async function publish(job: Job, boot: Boot): Promise<void> {
    boot.publishedAt = now()
    const message = bootSummary(boot.state, boot.map, now())
    const { bytes, totalBytes } = rootProgress(boot.state, boot.map)
    const rate = Math.round(boot.state.rate)
    await record
      .bootProgress(job.id, { step: 'boot', bytes, totalBytes, rate, message, at: clock.now() })
      .catch(failed(job))
  }

  return {
    watched: (job, medium, part) =>
      watchedMedium(medium, part === 'task' ? imageOf(job).taskAt : 0, (start, end) => onRead(job, start, end)),
    async summary(job) {
      const boot = boots.get(job.id)
      if (boot?.booted) return bootSummary(boot.state, boot.map, now())
      const { bytes, regions: map } = imageOf(job)
      if (boot !== undefined) return boot.state.bytes >= bytes ? COPIED : UNREAD
      const noted = await jobs.lastEntry(job.id, 'media')
      if (noted === undefined) return bootSummary(newSensor(map), map, now())
      return `nothing was read since the controller was restarted; the last that was seen: ${noted.message}`
    },
    async check(job) {
      const boot = boots.get(job.id)
      if (boot === undefined || !boot.booted || boot.stalled || stalledFor(boot.state, now()) === undefined) return
      boot.stalled = true
      await note(job, bootSummary(boot.state, boot.map, now()))
      await publish(job, boot)
    },
    forget: (job) => void boots.delete(job.id),
  }
}

/** Tells of each piece as it is taken, so a request for the whole medium counts only as far as it got. */
function watchedMedium(medium: Medium, offset: number, onRead: (start: number, end: number) => void): Medium {
  async function* read(start: number, end: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let at = start
    for await (const piece of medium.read(start, end, signal)) {
      onRead(offset + at, offset + at + piece.byteLength)
      at += piece.byteLength
      yield piece
    }
  }
  return { ...medium, read }
}

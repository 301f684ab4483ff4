import type { Region } from '../../isobuilder/regions.ts'
import { imageRegions } from '../../isobuilder/regions.ts'
import type { Job } from '../jobs/machine.ts'
import type { ServerStore } from '../jobs/ports.ts'
import type { MediaSensor } from './boot-watch.ts'
import { combinedMedium } from './combined.ts'
import type { TaskPlans } from './job-media.ts'
import type { Medium } from './medium.ts'
import { planMedium } from './medium.ts'

export interface ServedMediaDeps {
  /** The image that a job began with, or would; undefined when it is not served any more. */
  maintenance(job: Job): Medium | undefined
  readonly plans: Pick<TaskPlans, 'known' | 'plan'>
  readonly servers: Pick<ServerStore, 'find'>
  readonly sensor: Pick<MediaSensor, 'watched'>
}

/** The same bytes under two names: slots for USB sticks want `.img` (Dell, HPE). */
const NAME = /^(maintenance|task|combined)\.(iso|img)$/

/** The media of a job by the last part of their URL, each watched; undefined for what there is not. */
export function servedMedia(deps: ServedMediaDeps): (job: Job, name: string) => Promise<Medium | undefined> {
  const { plans, servers, sensor } = deps
  async function taskOf(job: Job): Promise<Medium | undefined> {
    // A medium is read by hundreds of ranges: to find the server costs the decryption of a password.
    const known = plans.known(job)
    if (known !== undefined) return planMedium(known)
    const server = await servers.find(job.serverSerial)
    return server === undefined ? undefined : planMedium(plans.plan(job, server))
  }
  return async (job, name) => {
    const part = NAME.exec(name)?.[1] as 'maintenance' | 'task' | 'combined' | undefined
    if (part === undefined) return undefined
    // Its URL is as old as the job, and its bytes must be too.
    const maintenance = deps.maintenance(job)
    if (maintenance === undefined && part !== 'task') return undefined
    const task = part === 'maintenance' ? undefined : await taskOf(job)
    if (task !== undefined && job.task !== null && job.task !== task.etag) return undefined
    const both = maintenance && task && combinedMedium(maintenance, task)
    const medium = { maintenance, task, combined: both }[part]
    return medium === undefined ? undefined : sensor.watched(job, medium, part)
  }
}

/** What is where on the maintenance medium. @throws `iso-read` when it is no ISO9660 image */
export function regionsOf(medium: Medium, signal: AbortSignal): Promise<readonly Region[]> {
  const readAt = async (offset: number, length: number) => {
    const end = Math.min(offset + length, medium.size)
    return offset >= end ? new Uint8Array() : Buffer.concat(await Array.fromAsync(medium.read(offset, end, signal)))
  }
  return imageRegions(readAt, medium.size)
}

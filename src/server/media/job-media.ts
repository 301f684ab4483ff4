import type { KeyObject } from 'node:crypto'
import type { IsoPlan } from '../../isobuilder/plan.ts'
import { planIso } from '../../isobuilder/plan.ts'
import { bytesSource } from '../../isobuilder/source.ts'
import { AppError } from '../../shared/errors.ts'
import { parsePrintedRecipe } from '../../shared/recipe/parse.ts'
import { taskContents } from '../../shared/task/contents.ts'
import type { JobFile } from '../../shared/task/job-file.ts'
import { JOB_FILE_FORMAT, MAX_TASK_BYTES, TASK_LABEL_PREFIX } from '../../shared/task/job-file.ts'
import type { Job } from '../jobs/machine.ts'
import type { JobMedia, JobSecrets, Server } from '../jobs/ports.ts'

/** Addresses of this controller as others reach it. */
export interface OwnUrls {
  /** The maintenance OS: webhook, progress, registry. No trailing slash. */
  readonly publicUrl: string
  /** The BMCs: media. */
  readonly mediaUrl: string
  /** The same for BMCs that take no HTTPS. */
  readonly plainMediaUrl?: string | undefined
  /** The controller's own CA, when it signed what BMCs fetch media by. */
  readonly mediaCaPem?: string | undefined
  /** What the maintenance OS must trust; null on plain HTTP. */
  readonly caPem: string | null
}

export interface JobMediaDeps {
  readonly ownUrls: OwnUrls
  readonly secrets: JobSecrets
  readonly taskKey: KeyObject
}

/** Task media that exist only as plans. They are planned again, byte for byte the same, when they are not in memory. */
export interface TaskPlans extends Pick<JobMedia, 'urls' | 'forget'> {
  /** Undefined when it is not in memory. */
  known(job: Job): IsoPlan | undefined
  plan(job: Job, server: Server): IsoPlan
}

export function jobMedia(deps: JobMediaDeps): TaskPlans {
  const plans = new Map<string, IsoPlan>()
  function plan(job: Job, server: Server): IsoPlan {
    const known = plans.get(job.id) ?? planTask(job, server, deps)
    plans.set(job.id, known)
    return known
  }
  return {
    known: (job) => plans.get(job.id),
    plan,
    forget: (job) => void plans.delete(job.id),
    urls: ({ mediaToken }) => ({
      maintenance: `${deps.ownUrls.mediaUrl}/media/${mediaToken}/maintenance.iso`,
      task: `${deps.ownUrls.mediaUrl}/media/${mediaToken}/task.iso`,
      combined: `${deps.ownUrls.mediaUrl}/media/${mediaToken}/combined.iso`,
      plainOrigin: deps.ownUrls.plainMediaUrl,
      caPem: deps.ownUrls.mediaCaPem,
    }),
  }
}

/** Pure: the same job, server, keys and addresses give the same bytes. */
function planTask(job: Job, server: Server, deps: JobMediaDeps): IsoPlan {
  const recipe = parsePrintedRecipe(job.recipeText)
  const contents = taskContents(Buffer.from(job.recipeText), recipe, jobFile(job, server, deps), deps.taskKey)
  const entries = [...contents].map(([path, bytes]) => ({ path, source: bytesSource(bytes) }))
  const result = planIso(entries, { label: `${TASK_LABEL_PREFIX}${job.id}` })
  if (!result.ok) throw new AppError('iso-plan', 'Cannot make the task medium', { problems: result.problems })
  if (result.plan.size > MAX_TASK_BYTES) {
    throw new AppError(
      'iso-plan',
      `Cannot make the task medium: ${result.plan.size} bytes are more than ${MAX_TASK_BYTES}`,
    )
  }
  return result.plan
}

function jobFile(job: Job, server: Server, { ownUrls, secrets }: JobMediaDeps): JobFile {
  const { publicUrl, caPem } = ownUrls
  return {
    format: JOB_FILE_FORMAT,
    job_id: job.id,
    attempt: job.attempt,
    server: { serial: server.serial, uuid: server.uuid },
    controller: { url: publicUrl, ca_pem: caPem },
    webhook: {
      url: `${publicUrl}/api/v1/status-webhook/${encodeURIComponent(server.serial)}`,
      secret: secrets.webhook(job),
    },
    registry: { host: new URL(publicUrl).host, username: job.id, password: secrets.registryPassword(job) },
    network: server.network,
  }
}

import { isDeepStrictEqual } from 'node:util'
import { AppError } from '../../shared/errors.ts'
import { newJobId } from '../../shared/ids.ts'
import { parseRecipe } from '../../shared/recipe/parse.ts'
import type { Clock } from '../../shared/time.ts'
import type { Job } from './machine.ts'
import type { JobSecrets, JobStore, ServerStore } from './ports.ts'

export interface CreateDeps {
  readonly jobs: JobStore
  readonly servers: Pick<ServerStore, 'find'>
  readonly secrets: JobSecrets
  readonly clock: Clock
  /** Serial numbers of servers somebody works on by hand, in this process. No job begins on them meanwhile. */
  readonly reserved: ReadonlySet<string>
}

export interface NewJob {
  readonly serial: string
  /** Not yet checked. */
  readonly recipe: unknown
  readonly idempotencyKey: string | null
  readonly retryOf: string | null
}

/** More jobs that nobody has begun are not taken: an hour of work at five jobs a second. */
const MAX_QUEUED = 20_000

/**
 * Accepts a job: the recipe is checked, printed once as the bytes that go on the medium, and stored before anybody is
 * told. A known idempotency key gives the job it made before, and `created` is false.
 * @throws `recipe-invalid`, `server-not-found`, `job-active`, `queue-full`; `request-invalid` when the key is another job's
 */
export async function createJob(
  input: NewJob,
  deps: CreateDeps,
): Promise<{ readonly job: Job; readonly created: boolean }> {
  const known = input.idempotencyKey === null ? undefined : await deps.jobs.byIdempotencyKey(input.idempotencyKey)
  if (known !== undefined) {
    // Asked before everything else: what has changed since takes nobody the job that there is.
    checkSame(known, input)
    await deps.jobs.flushed()
    return { job: known, created: false }
  }
  const recipe = parseRecipe(input.recipe)
  if ((await deps.servers.find(input.serial)) === undefined) {
    throw new AppError('server-not-found', `Cannot create a job: server "${input.serial}" is not registered`)
  }
  const now = deps.clock.now()
  const id = newJobId(now)
  const attempt = 1
  const job: Job = {
    id,
    serverSerial: input.serial,
    status: 'queued',
    phase: null,
    outcome: null,
    failedStep: null,
    message: null,
    recipeText: `${JSON.stringify(recipe, null, 2)}\n`,
    taskTarget: recipe.task_target,
    attempt,
    mediaToken: deps.secrets.mediaToken(id, attempt),
    idempotencyKey: input.idempotencyKey,
    retryOf: input.retryOf,
    progress: null,
    createdAt: now,
    updatedAt: now,
    deadline: null,
    maintenance: null,
    task: null,
    silentSince: null,
    version: 1,
  }
  if (deps.reserved.has(job.serverSerial)) {
    const text = `Cannot create a job for "${job.serverSerial}": it is being examined or switched just now`
    throw new AppError('job-active', text)
  }
  const stored = await deps.jobs.create(job, { type: 'status', message: 'queued' }, MAX_QUEUED)
  checkSame(stored, input)
  return { job: stored, created: stored.id === id }
}

function checkSame(stored: Job, { serial, recipe }: NewJob): void {
  if (stored.serverSerial === serial && isDeepStrictEqual(JSON.parse(stored.recipeText), recipe)) return
  const text = `its idempotency key belongs to job ${stored.id}, which is for another server or recipe`
  throw new AppError('request-invalid', `Cannot create a job: ${text}`)
}

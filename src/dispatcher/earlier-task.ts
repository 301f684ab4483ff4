import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../shared/errors.ts'
import { hasCode } from '../shared/system-error.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import type { RunPaths } from './paths.ts'
import { jobOf, loadTask } from './task.ts'

/** The job whose task was copied before in this boot; undefined when there was none that can be read. */
export async function earlierJob(paths: RunPaths): Promise<JobFile | undefined> {
  return loadTask(paths.task)
    .then(jobOf)
    .catch(() => undefined)
}

/**
 * Puts aside what another task of this boot left in `state/`: its outcome is not the one of `job`, and the disk it has erased
 * was not erased for `job`. @throws `outputs-unwritable`
 */
export async function setAside(paths: RunPaths, earlier: JobFile | undefined, job: JobFile): Promise<void> {
  if (earlier === undefined || (earlier.job_id === job.job_id && earlier.attempt === job.attempt)) return
  try {
    await mkdir(paths.earlier, { recursive: true, mode: 0o755 })
    const place = join(paths.earlier, String((await readdir(paths.earlier)).length))
    await rename(paths.state, place)
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return
    throw new AppError('outputs-unwritable', `Cannot put aside ${paths.state}`, { cause })
  }
}

/**
 * Refuses to start a target after steps of another task: systemd keeps those that are done (RemainAfterExit=yes), and the
 * target would succeed without doing anything. @throws `handover-failed`
 */
export async function checkFreshBoot(paths: RunPaths, target: string): Promise<void> {
  const names = await readdir(paths.earlier, { recursive: true }).catch(() => [])
  if (!names.some((name) => name.endsWith('.done'))) return
  throw new AppError(
    'handover-failed',
    `Cannot start ${target}: steps of another task are done in this boot. Restart the server`,
  )
}

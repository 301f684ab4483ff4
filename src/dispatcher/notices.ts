import type { Recipe } from '../shared/recipe/schema.ts'
import type { JobFile, WebhookReport } from '../shared/task/job-file.ts'
import type { Exit } from './exit-codes.ts'
import type { Notice } from './screen.ts'

/** The steps begin. */
export function startNotice(job: JobFile, { task_target: target, oci_url: image }: Recipe): Notice {
  return {
    title: 'THIS SERVER IS BEING PROVISIONED',
    job,
    facts: [['target', target], ...(image === undefined ? [] : [['image', image] as const])],
    advice: 'Nothing. Do not switch it off; "provisioner job watch" on the controller shows how far it is.',
  }
}

/** No step begins, for a reason of the dispatcher. */
export function failureNotice(why: string, { advice }: Exit, job: JobFile | undefined): Notice {
  return {
    title: 'PROVISIONING FAILED: no step was started, nothing was written to any disk',
    job,
    facts: [['why', why]],
    advice,
  }
}

/** What this boot came to, for a person in front of the server. */
export function outcomeNotice(job: JobFile, { status, failed_step: step, message }: WebhookReport): Notice {
  if (status === 'success') {
    const advice = 'Nothing: the controller starts the server into what was installed.'
    return { title: 'PROVISIONING SUCCEEDED', job, facts: [], advice }
  }
  return {
    title: `PROVISIONING FAILED in ${step ?? 'an unknown step'}`,
    job,
    facts: [['why', message ?? '']],
    advice: `See "provisioner job show ${job.job_id}" and "provisioner job logs ${job.job_id}" on the controller.`,
  }
}

/** The outcome stands although nobody could be told: it is not undone, and it is not called another. */
export function unreachedNotice(job: JobFile, { status, failed_step: step }: WebhookReport, error: string): Notice {
  const outcome = status === 'success' ? 'SUCCEEDED' : `FAILED in ${step ?? 'an unknown step'}`
  return {
    title: `PROVISIONING ${outcome}, and the controller cannot be told`,
    job,
    facts: [['why', error]],
    advice:
      'Check cable, address and route to the controller: it is tried again for six hours. The disk stays as it is.',
  }
}

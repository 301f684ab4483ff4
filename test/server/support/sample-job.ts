import type { Job } from '../../../src/server/jobs/machine.ts'

const AT = new Date('2026-01-02T03:04:05Z')

/** The shortest recipe. */
export const FIRMWARE_RECIPE = {
  task_target: 'firmware-update.target',
  firmware_url: 'https://192.0.2.1/x',
  firmware_sha256: '0'.repeat(64),
  firmware_tool: { image: 'oci://192.0.2.1/tool:1', arguments: ['{file}'] },
}

/** A job with nothing special about it. */
export function sampleJob(change: Partial<Job> = {}): Job {
  return {
    id: '01KABCDEF0123456789ABCDEFG',
    serverSerial: 'SN1',
    status: 'queued',
    phase: null,
    outcome: null,
    failedStep: null,
    message: null,
    recipeText: `${JSON.stringify(FIRMWARE_RECIPE)}\n`,
    taskTarget: 'firmware-update.target',
    attempt: 1,
    mediaToken: 'token',
    idempotencyKey: null,
    retryOf: null,
    progress: null,
    createdAt: AT,
    updatedAt: AT,
    deadline: null,
    maintenance: null,
    task: null,
    silentSince: null,
    version: 1,
    ...change,
  }
}

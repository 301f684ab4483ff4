import { expect } from 'vitest'
import type { JobView } from '../../../src/server/routes/views.ts'
import { sleep } from '../../../src/shared/time.ts'
import { LINUX_RECIPE } from './recipe.ts'

/** One request as an administrator, in the process or over the network; a body that is no text is sent as JSON. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Response>

export interface Created {
  readonly job_id: string
  readonly status: string
}

export async function addServer(call: Call, serial = 'SN1', url = 'https://192.0.2.7'): Promise<string> {
  const server = { serial, bmc_url: url, bmc_username: 'root', bmc_password: 'hunter2' }
  expect((await call('POST', '/api/v1/servers', server)).status).toBe(201)
  return serial
}

export async function addJob(call: Call, serial = 'SN1', headers: Record<string, string> = {}): Promise<Created> {
  const answer = await call('POST', '/api/v1/jobs', { server_serial: serial, recipe: LINUX_RECIPE }, headers)
  expect(answer.status).toBe(202)
  return (await answer.json()) as Created
}

/** The job once it is complete. */
export async function completeJob(call: Call, id: string): Promise<JobView> {
  for (;;) {
    const job = (await (await call('GET', `/api/v1/jobs/${id}`)).json()) as JobView
    if (job.status === 'complete') return job
    await sleep(100)
  }
}

export function bodyOf(body: unknown): string | undefined {
  return body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
}

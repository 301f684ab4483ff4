import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dispatching } from './dispatching.ts'
import { JOB } from './task-medium.ts'

const here = dispatching()

/** With the ending of its draft it is longer than a name may be, so it stands for a file that there is no room for. */
const NO_ROOM = 'a'.repeat(250)

test('of a medium that cannot be kept there is still whom to report to, and over which network', async () => {
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: '192.0.2.1', dns: ['192.0.2.53'] }
  const before = (files: Map<string, Uint8Array>) => void files.set(NO_ROOM, Buffer.from('x'))
  expect(await here.go({ job: { ...JOB, network }, before })).toBe(15)
  expect(JSON.parse(await here.run('task/job.json'))).toMatchObject({ job_id: JOB.job_id })
  expect(await readFile(join(here.at, 'network/10-provision.network'), 'utf8')).toContain('52:54:00:12:34:56')
  expect(here.seen[0]?.job?.job_id).toBe(JOB.job_id)
})

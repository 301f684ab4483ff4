import { expect } from 'vitest'
import type { Outcome, Story } from './story.ts'

/** What must hold after a job, wherever its controllers died. */
export function check(story: Story, { job, history, machine, power, media, armed }: Outcome): void {
  const said = JSON.stringify({ story, history, starts: machine.starts })
  const count = (line: string) => history.filter((entry) => entry === line).length
  const touched = history.includes('phase: mounting')
  expect(job.status, said).toBe('complete')
  for (const line of ['status: provisioning', 'status: complete']) expect(count(line), said).toBeLessThanOrEqual(1)
  expect(count('status: succeeded') + history.filter((entry) => entry.startsWith('status: failed')).length, said).toBe(
    job.outcome === 'cancelled' ? 0 : 1,
  )
  expect(media, said).toBe(0)
  // Lenovo's is left when it was not used: a change after a system was installed does harm (redfish/quirks.ts).
  if (machine.starts.length > 0 || story.bmc !== 'xcc') expect(armed, said).toBe(false)
  if (story.cancelAt === undefined) {
    expect(job.outcome, said).toBe(story.ends === 'success' ? 'success' : 'failed')
    expect(machine.interrupted, said).toEqual([])
  }
  if (job.outcome === 'success') {
    // Once from the medium, once from the disk.
    expect(machine.starts, said).toEqual(['cd', 'disk'])
    expect(power, said).toBe('on')
  } else {
    expect(machine.starts.length, said).toBeLessThanOrEqual(1)
    expect(power, said).toBe(touched ? 'off' : 'on')
  }
}

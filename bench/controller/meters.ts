import { readFileSync } from 'node:fs'
import type { Controller } from './controller.ts'

/** What the controller says of itself (`GET /metrics`), and the kernel of its main thread. */
export interface Meters {
  /** Jobs that are not complete. */
  jobs(): Promise<Readonly<Record<'queued' | 'provisioning' | 'succeeded' | 'failed', number>>>
  /** Share of the answers that left the controller within `seconds`, which is a bound of its histogram. */
  answeredWithin(seconds: number): Promise<number>
  /** Seconds in which it could have run and another process had the CPU (`schedstats` of Linux). */
  waitedForCpu(): number
}

export function metersOf({ url, token, pid }: Controller): Meters {
  async function samples(name: string): Promise<readonly (readonly [labels: string, value: number])[]> {
    const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`GET /metrics: ${answer.status}`)
    return (await answer.text())
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))] as const)
  }
  const sumOf = (found: readonly (readonly [string, number])[], part: string) =>
    found.filter(([labels]) => labels.includes(part)).reduce((sum, [, value]) => sum + value, 0)

  return {
    async jobs() {
      const found = await samples('provisioner_jobs')
      const count = (status: string) => sumOf(found, `status="${status}"`)
      return {
        queued: count('queued'),
        provisioning: count('provisioning'),
        succeeded: count('succeeded'),
        failed: count('failed'),
      }
    },
    async answeredWithin(seconds) {
      const found = (await samples('provisioner_request_seconds_bucket')).filter(([labels]) =>
        labels.includes('/api/v1/'),
      )
      return sumOf(found, `le="${seconds}"`) / sumOf(found, 'le="+Inf"')
    },
    waitedForCpu: () => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e9,
  }
}

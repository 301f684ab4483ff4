import { readFileSync } from 'node:fs'
import type { Controller } from './controller.ts'

/** What the controller says of itself (`GET /metrics`), and the kernel of its main thread. */
export interface Meters {
  look(): Promise<Look>
  /** What the clients' questions took by the controller's own clock, since it was started. */
  answers(): Promise<Answers>
  /** Seconds in which it could have run and another process had the CPU (`schedstats` of Linux). */
  waitedForCpu(): number
}

export interface Look {
  /** Jobs that are not complete. */
  readonly jobs: Readonly<Record<'queued' | 'provisioning' | 'succeeded' | 'failed', number>>
  /** Milliseconds that its main thread was late for a timer since the last look. */
  readonly late: { readonly p99: number; readonly worst: number }
}

/** Counts of a histogram: all, and those that took at most 25 or 100 ms. */
export interface Answers {
  readonly all: number
  readonly within25: number
  readonly within100: number
}

/** What clients.ts asks; registering servers and jobs goes the same ways, so the counts of before are taken off. */
const ASKED = /route="\/api\/v1\/(jobs|jobs\/:id|jobs\/:id\/events|servers)"/

export function metersOf({ url, token, pid }: Controller): Meters {
  async function samples(): Promise<readonly (readonly [series: string, value: number])[]> {
    const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`GET /metrics: ${answer.status}`)
    return (await answer.text())
      .split('\n')
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))] as const)
  }
  const sumOf = (found: readonly (readonly [string, number])[], part: string) =>
    found.filter(([labels]) => labels.includes(part)).reduce((sum, [, value]) => sum + value, 0)

  return {
    async look() {
      const found = await samples()
      const count = (status: string) => sumOf(found, `provisioner_jobs{status="${status}"`)
      const late = (share: string) => 1000 * sumOf(found, `loop_delay_seconds{percentile="${share}"`)
      return {
        jobs: {
          queued: count('queued'),
          provisioning: count('provisioning'),
          succeeded: count('succeeded'),
          failed: count('failed'),
        },
        late: { p99: late('99'), worst: late('100') },
      }
    },
    async answers() {
      const found = (await samples()).filter(
        ([series]) => series.includes('request_seconds_bucket{') && ASKED.test(series),
      )
      const within = (bound: string) => sumOf(found, `le="${bound}"`)
      return { all: within('+Inf'), within25: within('0.025'), within100: within('0.1') }
    },
    waitedForCpu: () => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e9,
  }
}

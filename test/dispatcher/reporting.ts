import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, vi } from 'vitest'
import type { DispatcherState } from '../../src/dispatcher/dispatcher-state.ts'
import type { NotifyDeps } from '../../src/dispatcher/notify.ts'
import { runPaths } from '../../src/dispatcher/paths.ts'
import type { Command } from '../../src/shared/exec.ts'
import type { JobFile } from '../../src/shared/task/job-file.ts'
import { JOB } from './task-medium.ts'

/** A machine on which image-linux failed, and the controller that it reports to. */
export interface Reporting {
  /** The run directory. */
  at: string
  server: Server
  /** Codes of the next answers to a webhook, and to logs; then 200. */
  answers: number[]
  logAnswers: number[]
  posts: { path: string; secret: unknown; body: string }[]
  said: string[]
  titles: string[]
  deps: NotifyDeps
  dispatched(state: Partial<DispatcherState>): Promise<void>
  webhooks(): ReturnType<typeof JSON.parse>[]
}

/** Made anew for each test of the file that calls this. */
export function reporting(): Reporting {
  const lab = {
    answers: [],
    logAnswers: [],
    posts: [],
    said: [],
    titles: [],
    dispatched,
    webhooks,
  } as unknown as Reporting

  beforeEach(async () => {
    for (const list of ['answers', 'logAnswers', 'posts', 'said', 'titles'] as const) lab[list] = []
    lab.server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      request.on('end', () => {
        lab.posts.push({ path: request.url ?? '', secret: request.headers['x-webhook-secret'], body })
        response.writeHead((request.url?.includes('webhook') ? lab.answers : lab.logAnswers).shift() ?? 200).end()
      })
    })
    await new Promise<void>((resolve) => lab.server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(lab.server.address() as AddressInfo).port}`
    const job: JobFile = {
      ...JOB,
      controller: { url, ca_pem: null },
      webhook: { ...JOB.webhook, url: `${url}/api/v1/status-webhook/SN123` },
    }
    lab.at = await mkdtemp(join(tmpdir(), 'notify-'))
    const paths = runPaths(lab.at)
    await mkdir(paths.task)
    await mkdir(paths.state)
    await writeFile(join(paths.task, 'job.json'), JSON.stringify(job))
    await dispatched({ status: 'handed-over', task_target: 'install-linux.target' })
    lab.deps = {
      paths,
      programs: { run: async () => undefined, read: answerOf, feed: async () => undefined },
      networkDirectory: join(lab.at, 'network'),
      say: (line) => void lab.said.push(line),
      screen: async ({ title }) => void lab.titles.push(title),
      clock: { now: () => new Date('2026-01-02T03:04:05Z') },
      monitorUnit: undefined,
      backoff: { firstMs: 1, maxMs: 2, attempts: Number.POSITIVE_INFINITY },
    }
  })

  afterEach(async () => {
    vi.restoreAllMocks()
    lab.server.closeAllConnections()
    lab.server.close()
    await rm(lab.at, { recursive: true, force: true })
  })

  function dispatched(state: Partial<DispatcherState>): Promise<void> {
    const full = { exit_code: 0, started_at: '2026-01-02T03:00:00Z', protected_devices: [], ...state }
    return writeFile(join(lab.at, 'state/dispatcher.json'), JSON.stringify(full))
  }

  function webhooks() {
    return lab.posts.filter(({ path }) => path.includes('webhook')).map(({ body }) => JSON.parse(body))
  }

  return lab
}

/** What systemctl and journalctl say there. */
export async function answerOf({ argv }: Command): Promise<string> {
  const line = argv.join(' ')
  if (line.includes('list-dependencies')) return 'install-linux.target\n  partition.service\n  image-linux.service\n'
  if (line.includes('--property=Result')) return 'Result=exit-code\nExecMainStatus=1\nTimeoutStartUSec=1h 30min\n'
  if (line.includes('systemctl show')) {
    return 'Id=partition.service\nActiveState=active\nExecMainExitTimestampMonotonic=5\n\nId=image-linux.service\nActiveState=failed\nExecMainExitTimestampMonotonic=9\n'
  }
  if (line.includes('--unit=image-linux.service')) return 'password hush-registry refused\nMain process exited\n'
  return 'journal with hush-webhook in it\n'
}

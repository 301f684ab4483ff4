import type { ChildProcess } from 'node:child_process'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/lab/controller.ts'
import { stop } from '../registry/process.ts'
import type { BmcOrder, BmcReport, Effects } from './bmcs.ts'

export interface Controller {
  readonly url: string
  readonly token: string
  readonly pid: number
  close(): Promise<void>
}

const MAIN = join(import.meta.dirname, '../../src/main.ts')
const FLAGS = ['--disable-warning=ExperimentalWarning']

/** The controller as `provisioner serve` runs it: the executable when there is one, else the sources. */
export async function startController(directory: string, iso: string, executable?: string): Promise<Controller> {
  const port = await freePort()
  const token = join(directory, 'token')
  const url = `http://127.0.0.1:${port}`
  const serve = [
    'serve',
    '--listen',
    `127.0.0.1:${port}`,
    '--data',
    join(directory, 'data'),
    '--no-tls',
    '--allow-loopback-bmc',
  ]
  const args = [...serve, '--maintenance-iso', iso, '--admin-token-file', token]
  const log = openSync(join(directory, 'controller.log'), 'a')
  const [program, before] = executable === undefined ? [process.execPath, [...FLAGS, MAIN]] : [executable, []]
  const child = spawn(program, [...before, ...args], { stdio: ['ignore', log, log] })
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`the controller ended: ${readFileSync(join(directory, 'controller.log'))}`)
    const answer = await fetch(`${url}/healthz`).catch(() => undefined)
    if (answer?.ok) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { url, token: readFileSync(token, 'utf8').trim(), pid: child.pid ?? 0, close: () => stop(child) }
}

export interface Bmcs {
  start(serials: readonly string[], stepMs: number): Promise<readonly string[]>
  summary(serials: readonly string[]): Promise<readonly Effects[]>
  readonly pid: number
  close(): void
}

export function startBmcs(): Bmcs {
  const child: ChildProcess = fork(join(import.meta.dirname, 'bmcs.ts'), { execArgv: FLAGS })
  async function ask(order: BmcOrder): Promise<BmcReport> {
    child.send(order)
    const [report] = (await once(child, 'message')) as [BmcReport]
    return report
  }
  return {
    async start(serials, stepMs) {
      const report = await ask({ type: 'start', serials, stepMs })
      return report.type === 'started' ? report.urls : []
    },
    async summary(serials) {
      const report = await ask({ type: 'summary', serials, stepMs: 0 })
      return report.type === 'summary' ? report.effects : []
    },
    pid: child.pid ?? 0,
    close: () => child.disconnect(),
  }
}

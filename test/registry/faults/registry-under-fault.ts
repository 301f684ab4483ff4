import type { KillPlan } from './kill-points.ts'
import { installKillPoints, setPlan } from './kill-points.ts'

/* The process that is killed: everything is loaded, then it waits to be told which data directory is its own. */

export type Order =
  | { readonly type: 'open'; readonly root: string; readonly plan?: KillPlan }
  | { readonly type: 'plan'; readonly plan: KillPlan }
  | { readonly type: 'gc' | 'scrub' }

export type Report =
  | { readonly type: 'open'; readonly port: number }
  | { readonly type: 'done'; readonly result: unknown }

installKillPoints(process.argv[2] ?? '')
const { openRegistry } = await import('../../../src/registry/registry.ts')
const { startServer } = await import('../../../src/shared/http-server.ts')
const { createLogger } = await import('../../../src/shared/log.ts')
const { systemClock } = await import('../../../src/shared/time.ts')

// Nothing that happens here is an error of the registry; one that is comes with its stack.
const log = createLogger('error', process.stderr)
const send = (report: Report) => process.send?.(report)
let registry: Awaited<ReturnType<typeof openRegistry>> | undefined

async function open(root: string): Promise<number> {
  const maintenance = { collectEveryMs: undefined, scrubEveryMs: undefined }
  const opened = await openRegistry({ root, log, clock: systemClock, maintenance })
  registry = opened
  const listen = { host: '127.0.0.1', port: 0 }
  const { app, direct } = opened
  return (await startServer({ fetch: (request, env) => app.fetch(request, env), direct, listen, log })).port
}

async function obey(order: Order): Promise<void> {
  if (order.type === 'plan') return setPlan(order.plan)
  if (order.type === 'open') {
    setPlan(order.plan)
    send({ type: 'open', port: await open(order.root) })
    return
  }
  const result =
    order.type === 'gc'
      ? await registry?.collectGarbage({ graceMs: 0 })
      : await registry?.scrub({ bytesPerSecond: Number.POSITIVE_INFINITY })
  send({ type: 'done', result })
}

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', () => process.exit())
process.send?.('loaded')

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import type { KillPlan } from './kill-points.ts'
import type { Order, Report } from './registry-under-fault.ts'

/** One run of the registry, from its start to its death. */
export interface Life {
  readonly url: string
  /** From now on the plan counts. */
  arm(plan: KillPlan): void
  /** Resolves to undefined when the process dies first. */
  ask(type: 'gc' | 'scrub'): Promise<unknown>
  readonly dead: Promise<unknown>
  kill(): void
}

export interface Lives {
  /** Opens the data directory; undefined when the plan killed it meanwhile. */
  next(plan?: KillPlan): Promise<Life | undefined>
  end(): Promise<void>
}

/** All of it in one file: a start then takes a fifth of the time. */
async function bundle(directory: string): Promise<string> {
  const script = join(directory, 'registry-under-fault.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'registry-under-fault.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire('${import.meta.filename}')`,
    },
  })
  return script
}

/** The following process loads its code while the present one lives. */
export async function lives(root: string): Promise<Lives> {
  const script = await bundle(dirname(root))
  const all = new Set<ChildProcess>()
  function start(): Promise<ChildProcess> {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, root], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    all.add(child)
    return once(child, 'message').then(() => child)
  }
  let waiting = start()
  return {
    async next(plan) {
      const child = await waiting
      waiting = start()
      return live(child, root, plan)
    },
    async end() {
      await waiting
      for (const child of all) child.kill('SIGKILL')
    },
  }
}

async function live(child: ChildProcess, root: string, plan: KillPlan | undefined): Promise<Life | undefined> {
  const dead = once(child, 'exit')
  // A process that dies closes its channel; what was to be sent does not matter then.
  const send = (order: Order) => void child.send(order, () => {})
  async function answer(): Promise<Report | undefined> {
    const [report] = await Promise.race([once(child, 'message'), dead.then(() => [undefined])])
    return report
  }
  send({ type: 'open', root, ...(plan && { plan }) })
  const opened = await answer()
  if (opened?.type !== 'open') return undefined
  return {
    url: `http://127.0.0.1:${opened.port}`,
    dead,
    arm: (next) => send({ type: 'plan', plan: next }),
    async ask(type) {
      send({ type })
      const report = await answer()
      return report?.type === 'done' ? report.result : undefined
    },
    kill: () => void child.kill('SIGKILL'),
  }
}

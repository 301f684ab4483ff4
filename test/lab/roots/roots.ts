import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { cached, contentKey } from '../cache.ts'

const HERE = import.meta.dirname

interface RootScript {
  readonly script: string
  readonly ending?: string
  /** Files beside the script that it puts into the root. */
  readonly files?: string
}

/** Everything made from Debian packages, by the script that makes it. */
const ROOTS = {
  tools: { script: 'tools.sh' },
  operator: { script: 'operator.sh' },
  maintenance: { script: 'maintenance.sh' },
  'tool-image': { script: 'tool-image.sh', ending: '.tar' },
  'target-os': { script: 'target.sh', ending: '.tar.zst', files: 'target' },
} as const satisfies Record<string, RootScript>

export type RootName = keyof typeof ROOTS

/** Path of a root (`tools`, `operator`, `maintenance`: a directory; the others: a tar), built by mmdebstrap on first use, as root. */
export async function debianRoot(name: RootName): Promise<string> {
  const { script, ending, files }: RootScript = ROOTS[name]
  const ingredients = [await contentKey(join(HERE, 'debian.sh')), await contentKey(join(HERE, script))]
  if (files !== undefined) ingredients.push(await contentKey(join(HERE, files)))
  return cached({
    name,
    ingredients,
    ...(ending === undefined ? {} : { ending }),
    build: (partial) => runScript(join(HERE, script), [partial], name),
  })
}

/** Runs a script that makes a root on the host; what it says comes with the error when it fails. */
export function runScript(script: string, args: readonly string[], what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const [program, ...rest] = [...contained(), 'bash', script, ...args] as [string, ...string[]]
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    const said: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) return resolve()
      const tail = Buffer.concat(said).toString().slice(-2000)
      reject(new Error(`Cannot build the ${what} root: ${script} ended with ${code}\n${tail}`))
    })
  })
}

/**
 * A process namespace that dies with this process: a package installation left running would write into the next build.
 * Without root rights the script says what is missing, better than unshare does.
 */
function contained(): string[] {
  if (process.getuid?.() !== 0) return []
  const unshare = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']
  return ['setpriv', '--pdeathsig', 'KILL', ...unshare]
}

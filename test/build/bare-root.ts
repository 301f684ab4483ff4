import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, contentKey, labCacheDirectory } from '../lab/cache.ts'
import { type Bind, enterCommand } from '../lab/programs.ts'
import { runScript } from '../lab/roots/roots.ts'

export type Suite = 'bookworm' | 'trixie'

const SCRIPT = join(import.meta.dirname, 'bare-root.sh')
const DEBIAN = join(import.meta.dirname, '..', 'lab', 'roots', 'debian.sh')

/** Path of a minimal Debian root, made on first use. */
export async function bareRoot(suite: Suite): Promise<string> {
  return cached({
    name: `bare-${suite}`,
    ingredients: [await contentKey(SCRIPT), await contentKey(DEBIAN), suite],
    build: (partial) => runScript(SCRIPT, [suite, partial], suite),
  })
}

/** The command line that runs `argv` in the root, seeing nothing of the host but `binds`. Changes are gone afterwards. */
export async function inBareRoot(
  suite: Suite,
  binds: readonly Bind[],
  argv: readonly string[],
): Promise<[string, string[]]> {
  const scratch = join(labCacheDirectory(), 'mnt')
  await mkdir(scratch, { recursive: true })
  const [program, ...args] = enterCommand(await bareRoot(suite), scratch, argv, {
    binds,
    env: {},
  })
  return [program, args]
}

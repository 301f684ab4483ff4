import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './files.ts'
import { NODE_BINARY } from './inputs.ts'

/** Every key that Node 24 knows. It ignores others without a word, so a typo would go unseen. */
export const SEA_CONFIG_KEYS = [
  'main',
  'output',
  'disableExperimentalSEAWarning',
  'useSnapshot',
  'useCodeCache',
  'assets',
  'execArgv',
  'execArgvExtension',
] as const

/** build/sea-config.json. Paths are below the directory the blob is made in, for `main` is embedded. */
export interface SeaConfig {
  readonly main: string
  readonly output: string
}

/** The two names postject and Node agree on (nodejs.org, "Single executable applications"). */
const RESOURCE = 'NODE_SEA_BLOB'
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** Reads and checks build/sea-config.json. */
export function readSeaConfig(): SeaConfig {
  const config = JSON.parse(readFileSync(join(ROOT, 'build/sea-config.json'), 'utf8')) as SeaConfig
  const unknown = Object.keys(config).filter((key) => !(SEA_CONFIG_KEYS as readonly string[]).includes(key))
  if (unknown.length > 0) throw new Error(`Cannot use build/sea-config.json: unknown keys ${unknown.join(', ')}`)
  return config
}

/**
 * Makes the executable `file` in `stage` from the bundle and the assets (name in the executable → file on disk).
 * The random seed is V8's hash seed, which would otherwise be stored in the code cache and differ each time.
 */
export function makeExecutable(stage: string, file: string, bundle: Uint8Array, assets: ReadonlyMap<string, string>) {
  const config = readSeaConfig()
  writeFileSync(join(stage, config.main), bundle)
  writeFileSync(join(stage, 'sea-config.json'), JSON.stringify({ ...config, assets: Object.fromEntries(assets) }))
  run(stage, NODE_BINARY, ['--random-seed=1', '--experimental-sea-config', 'sea-config.json'])
  copyFileSync(NODE_BINARY, join(stage, file))
  chmodSync(join(stage, file), 0o755)
  run(stage, 'strip', [file]) // before the injection: afterwards it breaks the executable
  const postject = join(ROOT, 'node_modules/postject/dist/cli.js')
  run(stage, NODE_BINARY, [postject, file, RESOURCE, config.output, '--sentinel-fuse', FUSE])
}

/** Runs a program quietly, without the options that the caller's environment has for Node. */
function run(cwd: string, program: string, args: readonly string[]): void {
  const { NODE_OPTIONS: _, ...env } = process.env
  try {
    execFileSync(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
    throw new Error(`Cannot run "${program} ${args.join(' ')}": ${said}`, { cause: error })
  }
}

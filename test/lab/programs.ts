import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../src/shared/errors.ts'
import { labCacheDirectory } from './cache.ts'
import { debianRoot } from './roots/roots.ts'

export interface Bind {
  readonly host: string
  readonly inside: string
  readonly readonly?: boolean
}

export interface InToolsOptions {
  /** The only parts of the host the program sees. */
  readonly binds?: readonly Bind[]
  /** Working directory inside; default `/`. */
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** `false`: a network namespace of its own, with nothing in it. Default: the host's network. */
  readonly network?: boolean
  /** Mounts a writable cgroup2 hierarchy, which podman and nspawn need. */
  readonly cgroup?: boolean
  /** `host`: all device nodes (loop mounts need them). Default: null, random, kvm and the like. */
  readonly devices?: 'host' | 'private'
  /** Kills the program when aborted. */
  readonly signal?: AbortSignal
}

export interface RunOptions extends InToolsOptions {
  readonly input?: Uint8Array | string
  /** Default two minutes. */
  readonly timeoutMs?: number
}

export interface ProgramResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Output beyond this is cut off at the front: results are read by tests, not streamed. */
const OUTPUT_LIMIT = 16 * 1024 * 1024

const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
}

/**
 * Runs a program of the tools root to its end; a code other than 0 is a result, not an error. Throws `program-failed` when
 * it is killed by its time limit or by the signal.
 */
export async function inTools(argv: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  const limit = AbortSignal.timeout(options.timeoutMs ?? 120_000)
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal])
  const child = await start(argv, { ...options, signal, contained: true, stdio: 'pipe' })
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  // A program that does not read its input closes the pipe: its exit code tells, not EPIPE.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.input ?? '')
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(failed(argv, limit.aborted ? 'its time is over' : 'it was stopped', cause)))
    child.once('close', (code, name) => {
      if (code === null) return reject(failed(argv, `it was killed by ${name}`, new Error(stderr())))
      resolve({ code, stdout: stdout(), stderr: stderr() })
    })
  })
}

/** As {@link inTools}, and throws `program-failed` with the end of stderr unless the code is 0. Gives stdout. */
export async function mustInTools(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await inTools(argv, options)
  if (code !== 0) throw failed(argv, `it ended with ${code}: ${stderr.slice(-2000).trim()}`)
  return stdout
}

/**
 * Starts a program of the tools root. The child *is* the program (no shell in between), so its pid can be signalled; it is
 * killed when this process, or the worker thread that started it, ends.
 */
export function spawnInTools(
  argv: readonly string[],
  options: InToolsOptions & { readonly stdio?: SpawnOptions['stdio'] } = {},
): Promise<ChildProcess> {
  return start(argv, options)
}

async function start(
  argv: readonly string[],
  options: EnterOptions & { readonly stdio?: SpawnOptions['stdio'] },
): Promise<ChildProcess> {
  const root = await debianRoot('tools')
  const scratch = join(labCacheDirectory(), 'mnt')
  await mkdir(scratch, { recursive: true })
  const [program, ...args] = enterCommand(root, scratch, argv, options)
  return spawn(program, args, {
    env: { ...ENVIRONMENT, ...options.env },
    stdio: options.stdio ?? 'pipe',
    ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGKILL' }),
  })
}

interface EnterOptions extends InToolsOptions {
  /** In a process namespace: whatever the program leaves running dies with it. The child is then not the program itself. */
  readonly contained?: boolean
}

/** The whole command line: namespaces, death signal, enter.sh with its arguments, and the program. */
export function enterCommand(
  root: string,
  scratch: string,
  argv: readonly string[],
  options: EnterOptions,
): [string, ...string[]] {
  const binds = (options.binds ?? []).flatMap((bind) => [bind.readonly ? 'ro' : 'rw', bind.host, bind.inside])
  const namespaces = ['--mount', '--propagation', 'private']
  if (options.network === false) namespaces.push('--net')
  if (options.contained) namespaces.push('--pid', '--fork', '--kill-child')
  const enter = [join(import.meta.dirname, 'roots', 'enter.sh'), root, scratch, options.cwd ?? '/']
  const wishes = [options.cgroup ? 'yes' : 'no', options.devices ?? 'private']
  const inside = ['sh', ...enter, ...wishes, ...binds, '--', ...argv]
  return ['setpriv', '--pdeathsig', 'KILL', 'unshare', ...namespaces, ...inside]
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let held: Buffer[] = []
  let size = 0
  stream?.on('data', (chunk: Buffer) => {
    held.push(chunk)
    size += chunk.length
    if (size <= OUTPUT_LIMIT) return
    held = [Buffer.concat(held).subarray(-OUTPUT_LIMIT / 2)]
    size = OUTPUT_LIMIT / 2
  })
  return () => Buffer.concat(held).toString()
}

function failed(argv: readonly string[], state: string, cause?: unknown): AppError {
  return new AppError('program-failed', `Cannot run "${argv.slice(0, 3).join(' ')}" in the tools root: ${state}`, {
    ...(cause === undefined ? {} : { cause }),
    facts: { argv },
  })
}

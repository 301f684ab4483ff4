import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { AppError, errorText } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import type { PasswordHash } from '../shared/passwords/password-hash.ts'
import { sleep } from '../shared/time.ts'
import { parseHtpasswd } from './access/htpasswd.ts'
import type { Rule } from './access/rules.ts'
import type { MirrorOptions } from './mirror/options.ts'
import { loadMirrors, mirrorFiles } from './mirror/rule.ts'
import type { Policy } from './policy.ts'
import { MAX_POLICY_BYTES, parsePolicyText } from './policy.ts'

/** A policy and the people of its htpasswd file. A reload makes another object, so identity tells that it changed. */
export interface LoadedPolicy extends Policy {
  readonly rules: readonly Rule[]
  /** It says nothing about people: a registry without accounts then lets everybody do everything, as without a policy. */
  readonly isOpen: boolean
  readonly users: ReadonlyMap<string, PasswordHash>
  /** `mirrors`, with what the files that they name say. */
  readonly upstreams: readonly MirrorOptions[]
}

/** Where the registry looks at each request. */
export interface PolicySource {
  current(): LoadedPolicy
}

export interface PolicyFile extends PolicySource {
  /** Reads the files again. A file with problems is logged and the former policy stays. */
  reload(): Promise<void>
  close(): Promise<void>
}

const MAX_HTPASSWD_BYTES = 16 << 20

/** Asked by stat(2), which works on every file system and for files replaced by a rename or a symbolic link. */
const LOOK_EVERY_MS = 2000

/**
 * Reads the policy at `path`, then again on SIGHUP and whenever it or its htpasswd file changes.
 * @throws `config-invalid` with every problem, when it cannot be used at the start
 */
export async function openPolicyFile(path: string, log: Logger, lookEveryMs = LOOK_EVERY_MS): Promise<PolicyFile> {
  let policy = await load(path)
  let seen = await stateOf(path, policy)
  let reloading: Promise<void> = Promise.resolve()

  async function readAgain(): Promise<void> {
    seen = await stateOf(path, policy)
    try {
      policy = await load(path)
      seen = await stateOf(path, policy)
      log.info({ path, rules: policy.rules.length, users: policy.users.size }, 'registry policy read')
    } catch (error) {
      const problems = error instanceof AppError ? error.problems : []
      log.error({ path, reason: errorText(error), problems }, 'registry policy not usable, the former one stays')
    }
  }
  /** One at a time, and each sees what was written before it was asked for. */
  function reload(): Promise<void> {
    reloading = reloading.then(readAgain)
    return reloading
  }

  const stop = new AbortController()
  const onHangup = () => void reload()
  process.on('SIGHUP', onHangup)
  const looking = look(async () => (await stateOf(path, policy)) !== seen && reload(), lookEveryMs, stop.signal)
  return {
    current: () => policy,
    reload,
    async close() {
      process.off('SIGHUP', onHangup)
      stop.abort()
      await looking
      await reloading
    },
  }
}

async function look(once: () => Promise<unknown>, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Only the abort ends the sleep early; the loop's condition sees it.
    await sleep(everyMs, signal).catch(() => {})
    if (!signal.aborted) await once()
  }
}

async function load(path: string): Promise<LoadedPolicy> {
  const policy = parsePolicyText(await readText(path, MAX_POLICY_BYTES))
  const file = htpasswdOf(path, policy)
  const users = file === undefined ? new Map() : parseHtpasswd(await readText(file, MAX_HTPASSWD_BYTES), file)
  return withUsers(policy, users, await loadMirrors(path, policy.mirrors))
}

export function withUsers(
  policy: Policy,
  users: LoadedPolicy['users'],
  upstreams: LoadedPolicy['upstreams'] = [],
): LoadedPolicy {
  const isOpen = policy.rules === undefined && policy.htpasswd === undefined
  return { ...policy, rules: policy.rules ?? [], isOpen, users, upstreams }
}

function htpasswdOf(path: string, { htpasswd }: Policy): string | undefined {
  return htpasswd === undefined ? undefined : resolve(dirname(path), htpasswd)
}

/** Changes when one of the files does. */
async function stateOf(path: string, policy: Policy): Promise<string> {
  const file = htpasswdOf(path, policy)
  const files = [path, ...(file === undefined ? [] : [file]), ...mirrorFiles(path, policy.mirrors)]
  const states = files.map(async (each) => {
    const found = await stat(each).catch(() => undefined)
    return found === undefined ? 'missing' : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
  })
  return (await Promise.all(states)).join('\n')
}

async function readText(path: string, limit: number): Promise<string> {
  const { size } = await stat(path).catch((cause: unknown) => {
    throw new AppError('config-invalid', `Cannot read "${path}": it is not there or not readable`, { cause })
  })
  if (size > limit) throw new AppError('config-invalid', `Cannot use "${path}": it is larger than ${limit} bytes`)
  return readFile(path, 'utf8')
}

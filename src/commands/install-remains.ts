import { existsSync } from 'node:fs'
import { lstat, readFile, realpath } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { SERVE_OPTIONS } from '../config.ts'
import type { InstallPaths } from '../install/paths.ts'
import { SERVICE, SOCKET, USER } from '../install/paths.ts'
import type { Remains } from '../install/plan.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import { hasCode } from '../shared/system-error.ts'
import { readSettings } from './config-file.ts'

/** What of an installation is on the host; undefined when nothing is. The executable alone is the command line's. */
export async function remainsOf(paths: InstallPaths, accounts = '/etc/passwd'): Promise<Remains | undefined> {
  const { binary, previous, ...signs } = paths
  const user = isOurs((await textOf(accounts)) ?? '', paths.data)
  if (!user && !Object.values(signs).some((path) => existsSync(path))) return undefined
  const configured = await dataOf(paths.config)
  return {
    units: [...(existsSync(paths.socket) ? [SOCKET] : []), ...(existsSync(paths.service) ? [SERVICE] : [])],
    user,
    unreadableConfig: configured === 'unreadable',
    stays: [...new Set([...(await linkTarget(paths.data)), ...outside(configured, paths.data)])],
  }
}

/** passwd(5): systemd-sysusers leaves an account of a person alone, and only ours lives in the state directory. */
function isOurs(passwd: string, data: string): boolean {
  return passwd.split('\n').some((line) => line.startsWith(`${USER}:`) && line.split(':')[5] === data)
}

/** Of a link only the link is removed. */
async function linkTarget(data: string): Promise<string[]> {
  const link = await lstat(data).catch(() => undefined)
  return link?.isSymbolicLink() === true ? [await realpath(data).catch(() => 'what it leads to')] : []
}

function outside(configured: string | undefined, data: string): string[] {
  if (configured === undefined || configured === 'unreadable') return []
  const inside = relative(data, resolve(configured))
  return /^\.\.(\/|$)/.test(inside) ? [configured] : []
}

/** The data directory of the configuration; undefined when it names none. */
async function dataOf(config: string): Promise<string | 'unreadable' | undefined> {
  if ((await textOf(config)) === undefined) return undefined
  try {
    return (await readSettings(config, SERVE_OPTIONS, 'serve')).values.get('data')?.text
  } catch (error) {
    if (!isAppError(error, 'config-invalid')) throw error
    return 'unreadable'
  }
}

/** Undefined when there is none. @throws `not-root` when it is not ours to read: it must not be taken for missing */
export async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    if (hasCode(cause, 'ENOENT')) return undefined
    throw new AppError('not-root', `Cannot read "${path}": root rights are needed (sudo)`, { cause })
  })
}

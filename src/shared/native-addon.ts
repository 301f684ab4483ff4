import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readAsset } from './assets.ts'
import type { Problem } from './errors.ts'
import { AppError, errorText } from './errors.ts'

/** What a `.node` file exports once it is mapped into the process. */
export type Exports = Record<string, unknown>

const files = new WeakMap<object, string>()

/** The file that these exports were mapped from; undefined when it was not an asset. */
export function addonFile(exports: object): string | undefined {
  return files.get(exports)
}

/** Maps a file into the process (`process.dlopen`) and returns its exports. */
export type OpenAddon = (file: string) => Exports

/**
 * Loads a native addon that is an asset of the executable. The build puts a call of this where an npm package requires
 * its `.node` file (build/native-addon-plugin.ts), so it runs when that package is first imported.
 * @throws `native-addon`, with one problem for each directory that was tried
 */
export function loadNativeAddon(asset: string): Exports {
  return loadAddonFrom(addonDirectories(process.env, process.cwd()), asset, readAsset(asset), openAddon)
}

/**
 * Directories an addon may be written to, best first. There are several because a `noexec` mount refuses to map it, and
 * Debian mounts /run so, hardened hosts /tmp and /dev/shm. RUNTIME_DIRECTORY is the service's own, systemd.exec(5).
 */
export function addonDirectories(env: Readonly<Record<string, string | undefined>>, cwd: string): string[] {
  const runtime = (env['RUNTIME_DIRECTORY'] ?? '').split(':')
  const fixed = ['/run/provision', '/run', env['TMPDIR'] ?? '', '/tmp', '/dev/shm', '/var/tmp', cwd]
  return [...new Set([...runtime, ...fixed])].filter((directory) => directory.startsWith('/'))
}

/** Writes `bytes` into the first of `directories` that lets `open` map them; nothing of it stays on disk. */
export function loadAddonFrom(
  directories: readonly string[],
  asset: string,
  bytes: Uint8Array,
  open: OpenAddon,
): Exports {
  const name = `${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}.node`
  const problems: Problem[] = []
  for (const directory of directories) {
    try {
      return loadIn(directory, name, bytes, open)
    } catch (error) {
      problems.push({ path: directory, code: 'native-addon', message: reason(error) })
    }
  }
  const message = `Cannot load "${asset}": no directory takes it. Set TMPDIR to one on a file system without noexec`
  throw new AppError('native-addon', message, { problems })
}

function loadIn(directory: string, name: string, bytes: Uint8Array, open: OpenAddon): Exports {
  refuseUnsafe(directory)
  const own = mkdtempSync(join(directory, '.provisioner-')) // 0700
  try {
    const file = join(own, name)
    writeFileSync(file, bytes, { mode: 0o500, flag: 'wx' })
    const exports = open(file)
    files.set(exports, file)
    return exports
  } finally {
    rmSync(own, { recursive: true, force: true }) // the mapping keeps the content
  }
}

/** In a directory that everybody may write and that is not sticky, another user could swap ours for his own. */
function refuseUnsafe(directory: string): void {
  const { mode } = statSync(directory)
  if ((mode & 0o1002) === 0o0002) throw new Error('everybody may replace files there')
}

function openAddon(file: string): Exports {
  const loaded: { exports: Exports } = { exports: {} }
  process.dlopen(loaded, file)
  return loaded.exports
}

/** The loader's own words for `noexec` are "failed to map segment from shared object". */
function reason(error: unknown): string {
  const text = errorText(error)
  return text.includes('failed to map segment') ? 'mounted noexec' : text
}

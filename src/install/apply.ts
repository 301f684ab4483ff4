import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { chmod, chown, copyFile, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../shared/errors.ts'
import type { Programs } from '../shared/exec.ts'
import { syncDirectory, writeFileAtomic } from '../shared/files.ts'
import type { Action } from './plan.ts'

/** Does one action. What is as it should be already is left alone. */
export async function apply(
  action: Exclude<Action, { kind: 'remove-data' }>,
  programs: Programs,
  executable: string,
  signal: AbortSignal,
): Promise<void> {
  switch (action.kind) {
    case 'run':
      return programs.run({ argv: action.argv }, signal)
    case 'write':
      return write(action)
    case 'install-binary':
      return installBinary(executable, action)
    case 'remove':
      return rm(action.path, { recursive: true, force: true })
    case 'tell':
      return
  }
}

async function write({ path, text, mode, group }: Extract<Action, { kind: 'write' }>): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  await writeFileAtomic(path, text, mode)
  // The mode of a new file is cut by the umask.
  await chmod(path, mode)
  if (group !== undefined) await chown(path, 0, await groupId(group))
}

async function groupId(name: string): Promise<number> {
  const line = (await readFile('/etc/group', 'utf8')).split('\n').find((entry) => entry.startsWith(`${name}:`))
  if (line === undefined)
    throw new AppError('program-failed', `Cannot find the group "${name}": systemd-sysusers did not make it`)
  return Number(line.split(':')[2])
}

/** A copy beside it, flushed, renamed: a running service keeps the old file until it is restarted. */
async function installBinary(
  executable: string,
  { path, previous }: Extract<Action, { kind: 'install-binary' }>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  const present = await stat(path).catch(() => undefined)
  if (present !== undefined) {
    if ((await digestOf(path)) === (await digestOf(executable))) return
    await rm(previous, { force: true })
    await link(path, previous)
  }
  const partial = `${path}.partial`
  await rm(partial, { force: true })
  await copyFile(executable, partial, constants.COPYFILE_FICLONE)
  await chmod(partial, 0o755)
  const file = await open(partial, 'r')
  await file.sync().finally(() => file.close())
  await rename(partial, path)
  await syncDirectory(dirname(path))
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

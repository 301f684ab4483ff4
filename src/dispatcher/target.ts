import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../shared/errors.ts'

/** Where systemd looks, first one first (systemd.unit(5), "System Unit Search Path"). */
export const UNIT_DIRECTORIES = ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system'] as const

/** systemd ignores names that begin with X- (systemd.unit(5)). A recipe may start these targets and no other unit. */
const MARK = /^X-Provisioner=target$/m

/** @throws `handover-failed` when the image has no such target, or one that is not for provisioning */
export async function checkTarget(target: string, directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    const text = await readFile(join(directory, target), 'utf8').catch(() => undefined)
    if (text === undefined) continue
    if (MARK.test(text)) return
    throw new AppError('handover-failed', `Cannot start ${target}: it is no provisioning target`)
  }
  throw new AppError('handover-failed', `Cannot start ${target}: this maintenance image has no such target`)
}

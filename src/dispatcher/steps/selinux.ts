import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { placeIn } from './new-root.ts'

/** Whether a system labels its files: `SELINUX=enforcing` or `permissive` in /etc/selinux/config (selinux_config(5)). */
export function usesSelinux(config: string): boolean {
  return /^\s*SELINUX\s*=\s*(enforcing|permissive)\s*$/m.test(config)
}

/**
 * What this program has written has no labels, and an enforcing system would not start with it. `/.autorelabel` makes the
 * first boot label everything (selinux(8)). Says whether the system wants that.
 */
export async function askForRelabel(root: string): Promise<boolean> {
  const config = await readFile(join(root, 'etc/selinux/config'), 'utf8').catch(() => '')
  if (!usesSelinux(config)) return false
  await writeFile(await placeIn(root, '.autorelabel'), '')
  return true
}

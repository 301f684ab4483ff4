import { readdir, readlink } from 'node:fs/promises'

/** Descriptors of this process that lead into the directory. */
export async function openBelow(directory: string): Promise<number> {
  const all = await readdir('/proc/self/fd')
  const targets = await Promise.all(all.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(directory)).length
}

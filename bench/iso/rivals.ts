import { mustInTools } from '../../test/lab/programs.ts'
import type { Run } from './turns.ts'

/**
 * Times a shell command in the tools root, `repeat` times in a row; the time to enter the root is not in it. `/bench` is
 * the directory.
 */
export async function timeRival(directory: string, command: string, repeat = 1): Promise<Run> {
  const script = `TIMEFORMAT='%R %U %S'
    { time for run in $(seq ${repeat}); do { ${command}; } >/dev/null 2>&1 || exit 1; done; } 2>&1`
  const said = await mustInTools(['bash', '-c', script], {
    binds: [{ host: directory, inside: '/bench' }],
    cwd: '/bench',
    timeoutMs: 600_000,
  })
  const [wall = Number.NaN, user = Number.NaN, system = Number.NaN] = said.trim().split(' ').map(Number)
  return { wall: wall / repeat, cpu: (user + system) / repeat }
}

/** The rivals' command lines for the same content: names, Rock Ridge and Joliet as ours. */
export const COMMAND = {
  genisoimage: (from: string, to: string) => `genisoimage -quiet -V BENCH -iso-level 3 -r -J -o ${to} ${from}`,
  xorriso: (from: string, to: string) => `xorriso -as mkisofs -quiet -V BENCH -iso-level 3 -r -J -o ${to} ${from}`,
  tar: (from: string, to: string) => `tar -cf ${to} ${from}`,
  dd: (from: string, to: string) => `dd if=${from} of=${to} bs=1M`,
} as const

/** The same, and what was written is on the disk at the end, as ours is. */
export function onDisk(name: keyof typeof COMMAND, from: string, to: string): string {
  return `${COMMAND[name](from, to)} && sync ${to}`
}

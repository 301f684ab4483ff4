import { mustInTools } from '../../test/lab/programs.ts'

/** What one run of a program took; the time to enter the tools root is not in it. */
export interface RivalResult {
  readonly seconds: number
}

/**
 * Times a shell command in the tools root, `repeat` times in a row, by the root's own clock. `/bench` is the directory.
 * What it wrote is on the disk afterwards, as ours is.
 */
export async function timeRival(directory: string, command: string, repeat = 1): Promise<RivalResult> {
  const script = `begin=$(date +%s%N)
    for run in $(seq ${repeat}); do ${command} >/dev/null 2>&1 || exit 1; done
    echo $(($(date +%s%N) - begin))`
  const said = await mustInTools(['bash', '-c', script], {
    binds: [{ host: directory, inside: '/bench' }],
    cwd: '/bench',
    timeoutMs: 600_000,
  })
  return { seconds: Number(said) / 1e9 / repeat }
}

/** The rivals' command lines for the same content: names, Rock Ridge and Joliet as ours. */
export const COMMAND = {
  genisoimage: (from: string, to: string) => `genisoimage -quiet -V BENCH -iso-level 3 -r -J -o ${to} ${from}`,
  xorriso: (from: string, to: string) => `xorriso -as mkisofs -quiet -V BENCH -iso-level 3 -r -J -o ${to} ${from}`,
  tar: (from: string, to: string) => `tar -cf ${to} ${from}`,
  dd: (from: string, to: string) => `dd if=${from} of=${to} bs=1M conv=fsync`,
} as const

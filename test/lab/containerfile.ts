import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Instructions of the Containerfile, continued lines joined, without comments. */
export const INSTRUCTIONS = readFileSync(join(import.meta.dirname, '../../Containerfile'), 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '')

/**
 * What the Containerfile does to its base, as lines for bash that do it to the root at /m, with the build context in /context.
 * Left out is what installs packages and makes an initramfs, which the lab's base has.
 */
export function containerfileScript(): string {
  return INSTRUCTIONS.flatMap((line) => stepOf(line)).join('\n')
}

/** The command that makes the initramfs, of the kernel `$release`. */
export function dracutLine(): string {
  const [line] = INSTRUCTIONS.flatMap((text) => /DRACUT_NO_XATTR=1 dracut [^;]*/.exec(text) ?? [])
  if (line === undefined) throw new Error('the Containerfile makes no initramfs')
  return line
}

/** The files of the payload are copied where they come from, the context. */
function stepOf(line: string): string[] {
  const [, options = '', from, to] = /^COPY (--\S+ )?(\S+) (\S+)$/.exec(line) ?? []
  if (from !== undefined) {
    if (options.startsWith('--from=')) return []
    const mode = /--chmod=(\d+)/.exec(options)?.[1]
    if (mode !== undefined) return [`install -D -m ${mode} /context/${from} /m${to}`]
    return [`mkdir -p /m${to}`, `cp -a --no-preserve=ownership /context/${from}. /m${to}`]
  }
  if (!line.startsWith('RUN ') || line.includes('dnf install')) return []
  return [`BASE=debian chroot /m /bin/sh -ec '${line.slice('RUN '.length).replaceAll("'", `'\\''`)}'`]
}

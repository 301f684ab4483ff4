import { execFileSync } from 'node:child_process'

/** The newest symbol versions that Debian 12, the oldest host we support, has. */
const NEWEST = { GLIBC: [2, 36], GLIBCXX: [3, 4, 30] } as const

/**
 * Refuses an addon that this machine's compiler made for newer C libraries than the supported hosts have: it would load
 * here and fail there.
 */
export function checkAddon(file: string): void {
  const symbols = execFileSync('objdump', ['-T', file], { encoding: 'utf8', maxBuffer: 64 << 20 })
  const tooNew = tooNewVersions(symbols)
  if (tooNew.length === 0) return
  throw new Error(`Cannot embed ${file}: it needs ${tooNew.join(', ')}; compile it on Debian 12`)
}

/** Symbol versions in the output of `objdump -T` that Debian 12 lacks, sorted. */
export function tooNewVersions(symbols: string): string[] {
  const found = new Set<string>()
  for (const [text, library, version] of symbols.matchAll(/\b(GLIBC|GLIBCXX)_([0-9.]+)\b/g)) {
    const limit = NEWEST[library as keyof typeof NEWEST]
    if (isNewer((version ?? '').split('.').map(Number), limit)) found.add(text)
  }
  return [...found].sort()
}

function isNewer(version: readonly number[], limit: readonly number[]): boolean {
  for (let at = 0; at < Math.max(version.length, limit.length); at++) {
    const difference = (version[at] ?? 0) - (limit[at] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

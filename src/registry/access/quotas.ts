import { formatBytes } from '../../shared/byte-size.ts'
import type { Clock } from '../../shared/time.ts'
import { OciError } from '../errors.ts'
import type { Quota } from '../policy.ts'
import type { PolicySource } from '../policy-file.ts'

/** Bytes of blobs and manifests below a prefix, each counted once however many repositories hold it. */
export type UsedBytes = (prefix: string) => Promise<number>

export interface Quotas {
  /** @throws DENIED when `bytes` more do not fit below a prefix that covers `repository` and not `from` (a mount). */
  ensure(repository: string, bytes: number, from?: string): Promise<void>
  /** Counts what an upload holds from now on, in place of what it held before. @throws DENIED */
  hold(upload: string, repository: string, bytes: number): Promise<void>
  /** The upload is over: stored, or given up. */
  settle(upload: string, stored: boolean): void
}

interface Held {
  readonly repository: string
  readonly bytes: number
}

/** How long a sum is believed; what is stored meanwhile is added, and before anything is refused it is summed anew. */
const BELIEVED_MS = 10_000

/** Checks the policy's quotas. Of two uploads that fit alone but not together the second one is refused. */
export function createQuotas(policy: PolicySource, usedBytes: UsedBytes, clock: Clock): Quotas {
  const held = new Map<string, Held>()
  const sums = new Map<string, { readonly at: number; bytes: number }>()

  /** Nothing waits between the check and `claim`, so nobody else can take the room. */
  async function check(quotas: readonly Quota[], wanted: number, upload: string | undefined, claim: () => void) {
    for (const isFresh of [false, true]) {
      const used = await Promise.all(quotas.map(({ prefix }) => (isFresh ? freshSum(prefix) : believedSum(prefix))))
      const full = quotas.findIndex(
        (quota, at) => (used[at] ?? 0) + others(quota.prefix, upload) + wanted > quota.bytes,
      )
      const quota = quotas[full]
      if (quota === undefined) return claim()
      if (isFresh) throw exceeded(quota, (used[full] ?? 0) + others(quota.prefix, upload), wanted)
    }
  }

  function covering(repository: string): readonly Quota[] {
    return policy.current().quotas.filter(({ prefix }) => covers(prefix, repository))
  }

  /** What other uploads have on their way. */
  function others(prefix: string, upload: string | undefined): number {
    const counted = [...held].filter(([id, { repository }]) => id !== upload && covers(prefix, repository))
    return counted.reduce((sum, [, { bytes }]) => sum + bytes, 0)
  }

  async function believedSum(prefix: string): Promise<number> {
    const known = sums.get(prefix)
    const isYoung = known !== undefined && clock.now().getTime() - known.at < BELIEVED_MS
    return isYoung ? known.bytes : freshSum(prefix)
  }

  async function freshSum(prefix: string): Promise<number> {
    const bytes = await usedBytes(prefix)
    sums.set(prefix, { at: clock.now().getTime(), bytes })
    return bytes
  }

  return {
    async ensure(repository, bytes, from) {
      const quotas = covering(repository).filter(({ prefix }) => from === undefined || !covers(prefix, from))
      await check(quotas, bytes, undefined, () => {})
    },
    async hold(upload, repository, bytes) {
      const quotas = covering(repository)
      if (quotas.length === 0) return
      await check(quotas, bytes, upload, () => held.set(upload, { repository, bytes }))
    },
    settle(upload, stored) {
      const found = held.get(upload)
      if (found === undefined) return
      held.delete(upload)
      if (!stored) return
      for (const [prefix, sum] of sums) if (covers(prefix, found.repository)) sum.bytes += found.bytes
    },
  }
}

function covers(prefix: string, repository: string): boolean {
  return prefix === '' || repository === prefix || repository.startsWith(`${prefix}/`)
}

function exceeded({ prefix, bytes: limit }: Quota, used: number, wanted: number): OciError {
  const name = prefix === '' ? 'the registry' : `"${prefix}"`
  const rest = `${formatBytes(used)} are used, ${formatBytes(wanted)} more do not fit`
  const message = `the quota of ${name} is ${formatBytes(limit)}: ${rest}`
  return new OciError('DENIED', { quota: prefix, limit, used, wanted }, { message })
}

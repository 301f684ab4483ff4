import { randomUUID } from 'node:crypto'
import { formatBytes } from '../../shared/byte-size.ts'
import type { Clock } from '../../shared/time.ts'
import { OciError } from '../errors.ts'
import type { Quota } from '../policy.ts'
import type { PolicySource } from '../policy-file.ts'

/** Bytes of blobs and manifests below a prefix, each counted once however many repositories hold it. */
export type UsedBytes = (prefix: string) => Promise<number>

/** What is about to be added. `from`: another repository that holds it already; below a prefix of both it is free. */
export interface Addition {
  readonly repository: string
  readonly bytes: number
  readonly from?: string
}

export interface Quotas {
  /** @throws DENIED when `bytes` more do not fit below a prefix that covers `repository` */
  ensure(repository: string, bytes: number): Promise<void>
  /** Counts the addition while `store` runs, and from then on when it tells that it was stored, as this does. @throws DENIED */
  adding(addition: Addition, store: () => Promise<boolean>): Promise<boolean>
  /** Counts what an upload holds from now on, in place of what it held before. @throws DENIED */
  hold(upload: string, addition: Addition): Promise<void>
  /** The same for what lies on the disk already, whether it fits or not. */
  keep(upload: string, addition: Addition): void
  /** The upload is over: stored, or given up. */
  settle(upload: string, stored: boolean): void
}

/** How long a sum is believed; what is stored meanwhile is added, and before anything is refused it is summed anew. */
const BELIEVED_MS = 10_000

/** Checks the policy's quotas. Of two uploads that fit alone but not together the second one is refused. */
export function createQuotas(policy: PolicySource, usedBytes: UsedBytes, clock: Clock): Quotas {
  const held = new Map<string, Addition>()
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

  function covering(addition: Addition): readonly Quota[] {
    return policy.current().quotas.filter(({ prefix }) => counts(prefix, addition))
  }

  /** What other uploads have on their way. */
  function others(prefix: string, upload: string | undefined): number {
    const counted = [...held].filter(([id, addition]) => id !== upload && counts(prefix, addition))
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

  async function hold(upload: string, addition: Addition): Promise<void> {
    const quotas = covering(addition)
    if (quotas.length > 0) await check(quotas, addition.bytes, upload, () => held.set(upload, addition))
  }

  function settle(upload: string, stored: boolean): void {
    const found = held.get(upload)
    if (found === undefined) return
    held.delete(upload)
    if (!stored) return
    for (const [prefix, sum] of sums) if (counts(prefix, found)) sum.bytes += found.bytes
  }

  return {
    ensure: (repository, bytes) => check(covering({ repository, bytes }), bytes, undefined, () => {}),
    async adding(addition, store) {
      const name = randomUUID()
      await hold(name, addition)
      let stored = false
      try {
        stored = await store()
        return stored
      } finally {
        settle(name, stored)
      }
    },
    hold,
    keep: (upload, addition) => void held.set(upload, addition),
    settle,
  }
}

function counts(prefix: string, { repository, from }: Addition): boolean {
  return covers(prefix, repository) && (from === undefined || !covers(prefix, from))
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

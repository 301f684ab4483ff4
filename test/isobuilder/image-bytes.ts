import { expect } from 'vitest'
import { readIso } from '../../src/isobuilder/image.ts'
import type { IsoPlan } from '../../src/isobuilder/plan.ts'
import { planIso } from '../../src/isobuilder/plan.ts'
import type { ReadAt } from '../../src/isobuilder/reader.ts'
import type { Source } from '../../src/isobuilder/source.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'

export function file(path: string, content = path): Entry {
  return { path, source: bytesSource(Buffer.from(content)) }
}

/** The plan of entries that have no problems. */
export function planOf(entries: readonly Entry[], label = 'TEST'): IsoPlan {
  const result = planIso(entries, { label })
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  return result.plan
}

export async function bytesOf(plan: IsoPlan, start = 0, end = plan.size): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(readIso(plan, start, end)))
}

export async function imageOf(entries: readonly Entry[], label = 'TEST'): Promise<Buffer> {
  return bytesOf(planOf(entries, label))
}

/** A medium of the bytes given, which ends where they end. */
export function mediumOf(bytes: Uint8Array): ReadAt {
  return async (offset, length) => bytes.subarray(offset, offset + length)
}

/** The image of a plan as a medium, read from the plan: also for images too large to hold. */
export function mediumOfPlan(plan: IsoPlan): ReadAt {
  return (offset, length) => bytesOf(plan, Math.min(offset, plan.size), Math.min(offset + length, plan.size))
}

/** Content of any size that is never held: the byte at `n` follows from `n`. */
export function patternSource(size: number): Source {
  return {
    size,
    digest: `sha256:${size.toString(16).padStart(64, '0')}`,
    read: async (offset, length) => {
      const bytes = new Uint8Array(length)
      for (let index = 0; index < length; index++) bytes[index] = patternAt(offset + index)
      return bytes
    },
  }
}

export function patternAt(offset: number): number {
  return (offset ^ Math.floor(offset / 0x100) ^ Math.floor(offset / 0x1000000)) & 0xff
}

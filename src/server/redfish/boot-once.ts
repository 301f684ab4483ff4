import { type AppError, isAppError } from '../../shared/errors.ts'
import { refusalWith } from '../jobs/bmc-refusal.ts'
import { dellAttributes, dellImport } from './boot-dell.ts'
import { hpSlot } from './boot-hp.ts'
import type { BootMethodPart } from './boot-method.ts'
import { standardOverride } from './boot-override.ts'
import type { RedfishClient } from './client.ts'
import type { Discovery } from './discover.ts'
import type { Learning } from './learning.ts'
import type { BootMethod } from './quirks.ts'

export interface BootOnce {
  armCdOnce(signal: AbortSignal): Promise<void>
  /** What would be set first; @throws `redfish-unsupported` */
  describe(signal: AbortSignal): Promise<string>
  isArmed(signal: AbortSignal): Promise<boolean>
  clear(wasStarted: boolean, signal: AbortSignal): Promise<void>
}

const METHODS: Readonly<Record<BootMethod, (client: RedfishClient, discovery: Discovery) => BootMethodPart>> = {
  override: standardOverride,
  'dell-import': dellImport,
  'dell-attributes': dellAttributes,
  'hp-slot': hpSlot,
}

/** The ways of the quirk table in their order; the next one is tried when the BMC refuses one. */
export function createBootOnce(client: RedfishClient, discovery: Discovery, learning: Learning): BootOnce {
  const parts = discovery.quirks.bootOnce.map((name) => ({ name, ...METHODS[name](client, discovery) }))

  return {
    async armCdOnce(signal) {
      const refusals: AppError[] = []
      for (const { name, arm } of parts) {
        try {
          const target = await arm(signal)
          return await learning.keep({ bootTarget: name === 'override' ? target : name })
        } catch (error) {
          if (!isAppError(error) || signal.aborted || error.code === 'redfish-unreachable') throw error
          refusals.push(error)
        }
      }
      const [first, last] = [refusals[0], refusals.at(-1)]
      if (first === undefined || last === first) throw first
      throw refusalWith(first, { cause: last })
    },
    async describe(signal) {
      const [first] = parts
      return first === undefined ? 'none' : first.describe(signal)
    },
    async isArmed(signal) {
      for (const part of parts) if (await part.isArmed(signal)) return true
      return false
    },
    async clear(wasStarted, signal) {
      for (const part of parts) await part.clear(wasStarted, signal)
    },
  }
}

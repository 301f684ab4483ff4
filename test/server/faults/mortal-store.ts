import type { JobStore } from '../../../src/server/jobs/ports.ts'
import type { Mortal } from './death.ts'

/** What changes a job. Leases and beats come by time and not by what happens: dying there is dying anywhere. */
const CHANGES: readonly string[] = ['save', 'note'] satisfies (keyof JobStore)[]

/** The store as a controller sees it that can die. */
export function mortalStore(store: JobStore, mortal: Mortal): JobStore {
  const methods = Object.entries(store).map(([name, method]) => {
    const call = method as (...given: unknown[]) => Promise<unknown>
    const mortalCall = (...given: unknown[]) =>
      CHANGES.includes(name) ? mortal.step(name, () => call(...given)) : mortal.look(() => call(...given))
    return [name, mortalCall]
  })
  return Object.fromEntries(methods) as JobStore
}

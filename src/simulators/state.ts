import { sha256 } from '../shared/digest.ts'
import type { Fault } from './faults.ts'
import type { Machine } from './machine.ts'
import type { Profile, SlotRules } from './profile.ts'
import { type Refusal, type Reply, refuse } from './reply.ts'

export interface SlotState {
  readonly rules: SlotRules
  readonly path: string
  image: string | undefined
  /** What `Image` shows although nothing is in. */
  leftover: string | undefined
  /** What a look at the slot still shows instead of the present state, and how often. */
  stale: { readonly image: string | undefined; looks: number }
  /** When it ejects by itself. */
  ejectPolicy: string | undefined
  /** Holds something that it does not show. */
  haunted: boolean
  /** iDRAC: looks at the attributes until the medium is attached; until then the drive is empty. */
  attachLooks: number
  /** iLO: this slot is started at the next reset, and empty at the one after it. */
  bootNext: boolean
  leaves: boolean
  /** In the order they came. */
  readonly certificates: string[]
  verifies: boolean
}

/** Everything one simulated BMC remembers. */
export interface BmcState {
  readonly profile: Profile
  readonly faults: ReadonlySet<Fault>
  readonly serial: string
  readonly uuid: string
  readonly username: string
  readonly password: string
  readonly machine: Machine
  readonly now: () => Date
  readonly slots: readonly SlotState[]
  readonly boot: Record<'target' | 'enabled' | 'mode' | 'device', string>
  /** Token by the path of the session. */
  /** Dell: `ServerBoot.1`. While `once` is Disabled the device is the first one at every start. */
  readonly serverBoot: Record<'once' | 'first', string>
  readonly sessions: Map<string, string>
  readonly tasks: Map<string, { looks: number; failure: Reply | undefined; atReset: (() => void) | undefined }>
  /** How often a thing that passes by itself will still be refused. */
  readonly left: Map<string, number>
  requests: number
  attached: boolean
  /** Dell: virtual media are detached whatever is done, until the BMC restarts. */
  wedged: boolean
  /** AMI: media are switched on. */
  mediaOn: boolean
  /** AMI: how many slots there are. */
  cds: number
  /** Lenovo: the server stands in a menu and waits for a person. */
  stuck: boolean
}

/** True as often as was set, then false: a refusal that passes by itself. */
export function takeOne(state: BmcState, what: string): boolean {
  const left = state.left.get(what) ?? 0
  if (left <= 0) return false
  state.left.set(what, left - 1)
  return true
}

export function refusal(state: BmcState, what: Refusal): Reply {
  return refuse(state.profile.errors, what)
}

/** An entity tag of what a resource says, so it changes with the resource and with nothing else. */
export function etagOf(profile: Profile, body: unknown): string | undefined {
  const hash = sha256(JSON.stringify(body)).slice('sha256:'.length, 'sha256:'.length + 8)
  switch (profile.etags) {
    case 'weak':
      return `W/"${hash}"`
    case 'strong':
      return `"${hash}"`
    case 'quoted-weak':
      return `"W/'gen-${hash}'"`
    case 'none':
      return undefined
  }
}

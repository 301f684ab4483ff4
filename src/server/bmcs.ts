import { errorText } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import type { Clock } from '../shared/time.ts'
import { withTimeout } from '../shared/time.ts'
import { diagnose } from './doctor/diagnose.ts'
import { sharedLooks } from './doctor/shared-looks.ts'
import type { TestMedia } from './doctor/test-media.ts'
import type { BmcAddress, BmcFacts, ConnectBmc, KnownBmcs, LearnedProfiles, PowerState } from './jobs/bmc-ports.ts'
import { checkOwner } from './jobs/bmc-session.ts'
import type { Server } from './jobs/ports.ts'
import type { BmcRequest } from './metrics.ts'
import { bmcConnector } from './redfish/bmc.ts'
import { checkupConnector } from './redfish/checkup.ts'
import { payloadNames } from './redfish/insert-ladder.ts'
import { kindOf } from './redfish/learning.ts'
import type { Reach } from './redfish/reach.ts'
import { REAL_TIMING, SIMULATED_TIMING, type Timing } from './redfish/timing.ts'
import type { DoctorRouteDeps } from './routes/doctor.ts'
import type { KnownBmc } from './routes/views.ts'
import { checkSimulation, isSimulated, simulatedBmcs } from './simulated.ts'

export interface BmcAccessDeps {
  readonly profiles: LearnedProfiles
  readonly known: KnownBmcs
  readonly testMedia: TestMedia
  readonly clock: Clock
  readonly log: Logger
  /** Told of each exchange with a BMC. */
  observe(request: BmcRequest): void
  readonly reach: Reach
}

/** Everything that reaches BMCs, real and simulated ones. */
export interface BmcAccess extends Pick<DoctorRouteDeps, 'diagnose' | 'power' | 'bring'> {
  readonly connectBmc: ConnectBmc
  /** Refuses what cannot be the address of a BMC. @throws `request-invalid`, `bmc-address` */
  checkBmc(url: string): void
  /** What is known of a server's BMC since it was last asked. */
  knownBmc(serial: string): Promise<KnownBmc | undefined>
  /** The server is not registered any more: a simulated BMC of it ends. */
  forgetBmc(serial: string): Promise<void>
  /** Ends the simulated BMCs. */
  close(): Promise<void>
}

/** A BMC may read a medium some seconds after it has shown it. */
const FETCH_MS = 15_000
/** A power order from the command line, which waits for it. */
const POWER_MS = 120_000
/** Session pools have four places and up, and jobs need them: many who ask for the power state are one to the BMC. */
const POWER_GOOD_MS = 5_000

export function bmcAccess({ profiles, known, testMedia, clock, log, observe, reach }: BmcAccessDeps): BmcAccess {
  const simulated = simulatedBmcs(clock, log)
  // Known after the first login; what came before it is counted under "unknown".
  const vendors = new Map<string, string>()
  const watched = (timing: Timing): Timing => ({
    ...timing,
    observe: ({ url, ...exchange }) => observe({ ...exchange, vendor: vendors.get(url) ?? 'unknown' }),
  })
  const by = (timing: Timing) => ({
    connect: bmcConnector(timing, profiles),
    examine: checkupConnector(timing, profiles),
    doctor: { testMedia, clock, fetchMs: FETCH_MS * Math.max(timing.waitFactor, 0.1) },
  })
  const [real, quick] = [by({ ...watched(REAL_TIMING), reach }), by(watched(SIMULATED_TIMING))]
  const powers = sharedLooks<PowerState>(POWER_GOOD_MS)
  const keyOf = ({ serial, bmc }: Server) => `${bmc.url} ${serial}`
  const ended = new AbortController()
  const fitting = (address: BmcAddress) => (isSimulated(address) ? quick : real)
  /** A BMC that says it belongs to another server tells nothing of this one. What cannot be noted keeps no job back. */
  async function note({ serial }: BmcAddress, facts: BmcFacts): Promise<void> {
    if (serial === undefined || (facts.serial !== undefined && facts.serial !== serial)) return
    await known
      .seen(serial, kindOf(facts))
      .catch((error: unknown) => log.warn({ serial, reason: errorText(error) }, 'the kind of BMC is not noted'))
  }

  const connectBmc: ConnectBmc = async (address, signal) => {
    const resolved = await simulated.resolve(address)
    const bmc = await fitting(address).connect(resolved, signal)
    const facts = await bmc.facts(signal)
    vendors.set(resolved.url, facts.vendor)
    await note(address, facts)
    return bmc
  }

  return {
    connectBmc,
    checkBmc: (url) => (isSimulated({ url }) ? checkSimulation(url) : reach.check(url)),
    diagnose: (server, signal) => {
      const { examine, doctor } = fitting(server.bmc)
      const connect = async (address: BmcAddress, within: AbortSignal) => {
        const checkup = await examine(await simulated.resolve(address), within)
        await note(address, checkup.facts)
        return checkup
      }
      return diagnose(server, { ...doctor, connect }, signal)
    },
    async knownBmc(serial) {
      const kind = await known.find(serial)
      const profile = kind && (await profiles.find(kind.model, kind.firmware))
      if (profile === undefined) return kind && { ...kind, profile }
      const { insert, ...rest } = profile
      return kind && { ...kind, profile: { ...rest, payload: payloadNames(insert) ?? null } }
    },
    power: (server) =>
      powers.look(keyOf(server), async () => {
        // Nobody who goes away ends it for the others.
        const within = withTimeout(ended.signal, POWER_MS)
        const bmc = await connectBmc(server.bmc, within)
        return bmc.power(within).finally(() => bmc.close())
      }),
    async bring(server, to, signal) {
      const within = withTimeout(signal, POWER_MS)
      const bmc = await connectBmc(server.bmc, within)
      try {
        checkOwner(await bmc.facts(within), server)
        await (to === 'on' ? bmc.powerOn(within) : bmc.powerOff(within))
      } finally {
        powers.forget(keyOf(server))
        await bmc.close()
      }
    },
    forgetBmc: simulated.forget,
    async close() {
      ended.abort(new Error('the controller ends'))
      await simulated.close()
    },
  }
}

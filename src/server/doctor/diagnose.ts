import { AppError, errorText, isAppError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/time.ts'
import { sleep, withTimeout } from '../../shared/time.ts'
import type { Checkup, ConnectCheckup, SlotFacts } from '../jobs/bmc-ports.ts'
import { refusalReasons } from '../jobs/bmc-refusal.ts'
import type { Server } from '../jobs/ports.ts'
import { adviceFor, isUnlicensed } from './advice.ts'
import type { Check, Finding } from './finding.ts'
import type { TestMedia, TestMedium } from './test-media.ts'

export interface DoctorDeps {
  readonly connect: ConnectCheckup
  readonly testMedia: TestMedia
  readonly clock: Clock
  /** How long a BMC may take to ask for a medium it shows as inserted, in milliseconds. */
  readonly fetchMs: number
}

/** Certificates and logs suffer from a clock that is off by more. */
const MAX_SKEW_MS = 5 * 60_000
/** The whole examination. */
const LIMIT_MS = 140_000
const LOOK_MS = 250
/** Ejecting must be tried even when the time is over. */
const EJECT_MS = 60_000
const LATE_LOOKS = 5

/**
 * Looks at everything a job needs of a server, without a reboot: finds the BMC, logs in, inserts a small medium, sees it
 * fetched and takes it out again. A failure is a finding; nothing is thrown but the caller's abort.
 */
export async function diagnose(server: Server, deps: DoctorDeps, signal: AbortSignal): Promise<readonly Finding[]> {
  const limited = withTimeout(signal, LIMIT_MS)
  const findings: Finding[] = []
  const bmc = await connect(server, deps, findings, limited)
  signal.throwIfAborted()
  if (bmc === undefined) return findings
  try {
    const owner = identity(bmc, server)
    findings.push(owner, clockOf(bmc, deps.clock.now()))
    // Nothing is put into the drives of a server that nobody asked about.
    if (owner.state === 'failed') return findings
    await look('power', findings, limited, async () => ok('power', `the server is ${await bmc.power(limited)}`))
    await look('slots', findings, limited, async () => slots(bmc, limited))
    await look('boot', findings, limited, async () => boot(bmc, limited))
    await tryMedium(bmc, deps, findings, limited)
    findings.push(learned(bmc))
  } finally {
    await bmc.close()
  }
  signal.throwIfAborted()
  return findings
}

async function connect(
  { bmc: address }: Server,
  { connect: open }: DoctorDeps,
  findings: Finding[],
  signal: AbortSignal,
): Promise<Checkup | undefined> {
  try {
    const bmc = await open(address, signal)
    findings.push(ok('reachable', `${address.url} answers`))
    findings.push(ok('login', `"${address.username}" may log in`))
    return bmc
  } catch (error) {
    const text = errorText(error)
    if (!isAppError(error) || error.code === 'redfish-unreachable') {
      const advice = 'Check the address, the cable and the VLAN of the BMC, and whether Redfish is enabled in it.'
      findings.push({ check: 'reachable', state: 'failed', message: text, advice })
      return undefined
    }
    findings.push(ok('reachable', `${address.url} answers`))
    const pool = /session/i.test(text) && /exceed|limit|maximum/i.test(text)
    const isLogin = refusalReasons(error).includes('login')
    const advice = pool
      ? 'All sessions of the BMC are taken: end some in its web interface, or restart the BMC.'
      : isLogin
        ? 'Register the server again with the right user name and password; the account needs the right to virtual media and power.'
        : adviceFor(error)
    findings.push({ check: isLogin ? 'login' : 'identity', state: 'failed', message: text, advice })
    return undefined
  }
}

function identity({ facts }: Checkup, { serial }: Server): Finding {
  const message = `${facts.vendor} ${facts.model}, firmware ${facts.firmware}, serial number ${facts.serial ?? 'not told'}`
  if (facts.serial === undefined || facts.serial === serial) return ok('identity', message)
  const advice = `This BMC belongs to another server than "${serial}": register the server under its own serial number, or correct the address.`
  return { check: 'identity', state: 'failed', message, advice }
}

function clockOf({ time }: Checkup, now: Date): Finding {
  const at = time === undefined ? Number.NaN : Date.parse(time)
  if (Number.isNaN(at))
    return { check: 'clock', state: 'skipped', message: 'the BMC does not tell its time', advice: null }
  const seconds = Math.round((at - now.getTime()) / 1000)
  const message = `the clock of the BMC is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead'}`
  if (Math.abs(seconds) * 1000 <= MAX_SKEW_MS) return ok('clock', message)
  const advice = 'Set up NTP in the BMC: with a wrong clock it may refuse the certificate of an https medium.'
  return { check: 'clock', state: 'warning', message, advice }
}

async function slots(bmc: Checkup, signal: AbortSignal): Promise<Finding> {
  const found = await bmc.slots(signal)
  const usable = found.filter((slot) => slot.usable)
  const list = found.map(({ id, kind, usable: takes, image }) => {
    const note = takes ? (image === undefined ? '' : ', occupied') : ', takes no URL'
    return `${id} (${kind}${note})`
  })
  const message = list.length === 0 ? 'there is no slot for virtual media' : list.join('; ')
  if (!usable.some(({ cd }) => cd)) return failed('slots', new AppError('redfish-unsupported', message))
  const isOne = bmc.oneMedium || usable.length === 1
  const later = isOne && (await bmc.canHaveMoreCds(signal)) ? ', and a job tells the BMC to have more virtual CDs' : ''
  return ok('slots', `${message}: ${isOne ? 'one medium holds both' : 'two media'}${later}`)
}

async function boot(bmc: Checkup, signal: AbortSignal): Promise<Finding> {
  const target = await bmc.bootTarget(signal)
  if (!(await bmc.isBootOnceArmed(signal))) return ok('boot', `the virtual CD is started by ${target}`)
  const message = `the virtual CD is started by ${target}, and an override of before is still set`
  const advice = 'The next start is from the CD: run a job, which clears it, or clear it in the BMC.'
  return { check: 'boot', state: 'warning', message, advice }
}

async function tryMedium(bmc: Checkup, deps: DoctorDeps, findings: Finding[], signal: AbortSignal): Promise<void> {
  const test = deps.testMedia.open()
  // What was sent may be done although its answer says no, or never came: then it is taken out all the same.
  let stand = 'not sent' as 'not sent' | 'sent' | 'refused' | 'in'
  try {
    await look('insert', findings, signal, async () => {
      const [taken] = await bmc.foreign(signal)
      if (taken !== undefined) return occupied(taken)
      stand = 'sent'
      const { slot, url } = await bmc.insert(test, signal).catch((error: unknown) => {
        if (isAppError(error) && error.code !== 'redfish-unreachable') stand = 'refused'
        throw error
      })
      stand = 'in'
      return ok('insert', `slot ${slot} took ${new URL(url).origin}/media/…`)
    })
    findings.push(licence(findings.at(-1)))
    if (stand === 'in') await look('fetch', findings, signal, () => fetched(test, deps.fetchMs, signal))
    else findings.push(skipped('fetch', 'nothing was inserted'))
    const within = AbortSignal.timeout(EJECT_MS)
    await look('eject', findings, within, async () => {
      if (stand === 'not sent') return skipped('eject', 'nothing was inserted')
      await bmc.eject(within)
      if (stand === 'in') return ok('eject', 'the slot is empty again')
      if (stand === 'sent') await ejectLate(bmc, deps.fetchMs, within)
      return skipped('eject', 'nothing was inserted')
    })
  } finally {
    test.forget()
  }
}

/** No BMC tells by itself whether it has the licence for media by URL: the answer to the insert does. */
function licence(insert: Finding | undefined): Finding {
  if (insert?.state === 'ok') return ok('licence', 'media by URL are licensed: one was taken')
  if (insert?.state !== 'failed' || !isUnlicensed(insert.message))
    return skipped('licence', 'it shows when a medium is taken')
  return { ...insert, check: 'licence', message: 'virtual media by URL are not licensed' }
}

/** A slow BMC goes on with an insert that nobody waits for any more. */
async function ejectLate(bmc: Checkup, forMs: number, signal: AbortSignal): Promise<void> {
  for (let look = 0; look < LATE_LOOKS; look++) {
    await sleep(forMs / LATE_LOOKS, signal)
    await bmc.eject(signal)
  }
}

function occupied({ id, image }: SlotFacts): Finding {
  // Without the path: a URL may hold somebody's password.
  const name = image?.split('/').at(-1) || 'a medium'
  const message = `slot ${id} holds ${name}, which is not ours: nothing was inserted`
  const advice = 'Eject it in the BMC and examine the server again. A job would take it out.'
  return { check: 'insert', state: 'warning', message, advice }
}

async function fetched(test: TestMedium, fetchMs: number, signal: AbortSignal): Promise<Finding> {
  const deadline = performance.now() + fetchMs
  while (test.requests.length === 0 && performance.now() < deadline) await sleep(Math.min(LOOK_MS, fetchMs), signal)
  if (test.requests.length > 0) return ok('fetch', `the BMC asked for it: ${[...new Set(test.requests)].join(', ')}`)
  const message = `the BMC shows the medium and has not asked for it in ${fetchMs / 1000} s`
  const advice =
    'Check --media-url, routes and firewalls from the management network. A few BMCs read only when the server boots.'
  return { check: 'fetch', state: 'failed', message, advice }
}

function learned(bmc: Checkup): Finding {
  const { insert, bootSlot, taskSlot, bootTarget, refusesVerify } = bmc.learned()
  if (insert === null && bootTarget === null) {
    return skipped('learned', 'nothing yet about this model and firmware')
  }
  const facts = [
    insert === null ? undefined : `payload ${insert.rung + 1}${insert.demands.map((name) => ` with ${name}`).join('')}`,
    bootSlot === null
      ? undefined
      : `boot slot ${bootSlot}, ${taskSlot === null ? 'one medium' : `task slot ${taskSlot}`}`,
    bootTarget === null ? undefined : `boot by ${bootTarget}`,
    refusesVerify ? 'media without a look at their certificate' : undefined,
  ]
  return ok('learned', `${facts.filter((fact) => fact !== undefined).join('; ')} worked on this model and firmware`)
}

/** One look; what it throws becomes a finding. False when it failed. */
async function look(
  check: Check,
  findings: Finding[],
  signal: AbortSignal,
  action: () => Promise<Finding>,
): Promise<boolean> {
  try {
    const finding = await action()
    findings.push(finding)
    return finding.state !== 'failed'
  } catch (error) {
    if (!isAppError(error) && !signal.aborted) throw error
    findings.push(signal.aborted ? timedOut(check) : failed(check, error))
    return false
  }
}

function ok(check: Check, message: string): Finding {
  return { check, state: 'ok', message, advice: null }
}

function skipped(check: Check, message: string): Finding {
  return { check, state: 'skipped', message, advice: null }
}

function failed(check: Check, error: unknown): Finding {
  return { check, state: 'failed', message: errorText(error), advice: adviceFor(error) }
}

function timedOut(check: Check): Finding {
  const advice = 'The BMC is slow: restart it, and try again when it is idle.'
  return { check, state: 'failed', message: 'it did not end in its time', advice }
}

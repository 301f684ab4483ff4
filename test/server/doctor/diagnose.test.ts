import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { diagnose } from '../../../src/server/doctor/diagnose.ts'
import type { Finding } from '../../../src/server/doctor/finding.ts'
import { isFit } from '../../../src/server/doctor/finding.ts'
import { testMedia } from '../../../src/server/doctor/test-media.ts'
import { mount } from '../../../src/server/http/mount.ts'
import type { Server } from '../../../src/server/jobs/ports.ts'
import { bmcConnector } from '../../../src/server/redfish/bmc.ts'
import { checkupConnector } from '../../../src/server/redfish/checkup.ts'
import { TEST_MEDIUM_ENDPOINTS, testMediumHandlers } from '../../../src/server/routes/doctor.ts'
import { sleep, systemClock } from '../../../src/shared/time.ts'
import type { Fault } from '../../../src/simulators/faults.ts'
import { isFault } from '../../../src/simulators/faults.ts'
import { PROFILES } from '../../../src/simulators/profiles.ts'
import { simulatedMachine } from '../../../src/simulators/simulated-machine.ts'
import { idleMachine } from '../../simulators/idle-machine.ts'
import { QUICK, simulated } from '../../simulators/simulated.ts'
import { never } from '../redfish/connected.ts'
import { NO_GATE } from '../support/no-gate.ts'

/** The controller's part: media over real HTTP, so that a simulated BMC can fetch. */
async function openMedia(url?: string, beside = false) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const app = new Hono()
  const http = createServer(getRequestListener(app.fetch)).listen(0, '127.0.0.1', resolve)
  await promise
  onTestFinished(() => {
    http.closeAllConnections()
    http.close()
  })
  const plain = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const media = testMedia(url ?? plain, { plainOrigin: beside ? plain : undefined })
  mount(app, TEST_MEDIUM_ENDPOINTS, testMediumHandlers({ testMedia: media }), NO_GATE)
  return media
}

const serverAt = (bmc: Server['bmc']): Server => ({
  serial: 'SN-1',
  uuid: null,
  bmc,
  vendor: null,
  network: null,
  createdAt: new Date(0),
})

const depsOf = async (fetchMs: number, timing = QUICK) => ({
  connect: checkupConnector(timing),
  testMedia: await openMedia(),
  clock: systemClock,
  fetchMs,
})

async function examine(what: string, change: Partial<Server['bmc']> = {}): Promise<readonly Finding[]> {
  const faults = new Set(what.split('+').filter(isFault))
  const say = () => undefined
  const machine = simulatedMachine({ serial: 'SN-1', power: 'on', plays: false, faults, stepMs: 0, say })
  const { address, simulator } = await simulated(what, machine)
  const bmc = { ...address, ...change }
  // A slot that goes on showing its medium is looked at until its time is over.
  const timing = faults.has('still-shown') ? { ...QUICK, slotMs: 200 } : QUICK
  const findings = await diagnose(serverAt(bmc), await depsOf(20, timing), never)
  expect(Object.values(simulator.images()).filter(Boolean)).toEqual([])
  expect(simulator.sessions()).toBe(0)
  expect(machine.starts).toEqual([])
  return findings
}

const short = (findings: readonly Finding[]) => findings.map(({ check, state }) => `${check} ${state}`)

test('a sound server: everything is looked at, nothing is left behind and nothing is restarted', async () => {
  const findings = await examine('idrac9')
  expect(short(findings)).toEqual([
    'reachable ok',
    'login ok',
    'identity ok',
    'clock ok',
    'power ok',
    'slots ok',
    'boot ok',
    'insert ok',
    'licence ok',
    'fetch ok',
    'eject ok',
    'learned ok',
  ])
  const said = Object.fromEntries(findings.map(({ check, message }) => [check, message]))
  expect(said).toMatchObject({
    identity: 'Dell PowerEdge R760, firmware 6.10.80.00, serial number SN-1',
    slots: '1 (CD/DVD/USBStick); 2 (CD/DVD/USBStick): two media',
    boot: 'the virtual CD is started by Cd',
    fetch: 'the BMC asked for it: HEAD, GET',
  })
})

test.for<[string, string]>([
  ['idrac8', 'one medium holds both'],
  ['supermicro-x11', 'one medium holds both'],
  ['xcc', 'RDOC1 (not told, takes no URL)'],
  ['ilo4', 'two media'],
])('%s: its slots are told', async ([name, words]) => {
  const findings = await examine(name)
  expect(findings.find(({ check }) => check === 'slots')?.message).toContain(words)
  expect(short(findings).filter((line) => line.endsWith('failed'))).toEqual([])
})

test.for<[string, string, RegExp]>([
  ['ilo5+no-licence', 'licence failed', /iLO Advanced licence/],
  ['idrac9+no-licence', 'licence failed', /iDRAC Enterprise/],
  ['supermicro-x12+no-licence', 'licence failed', /SFT-OOB-LIC/],
  ['xcc+no-licence', 'licence failed', /licence of the vendor/],
  ['idrac10+no-route', 'insert failed', /--media-url/],
  ['openbmc+never-reads', 'fetch failed', /firewalls/],
  ['supermicro-x10', 'insert failed', /cannot boot from HTTP/],
  ['ibmc', 'insert failed', /https --media-url/],
  ['nokia+wrong-clock', 'clock warning', /NTP/],
  ['cisco+wrong-serial', 'identity failed', /another server than "SN-1"/],
  ['cisco+no-sessions', 'login failed', /end some in its web interface/],
])('%s: %s, and what to do is said', async ([what, line, advice]) => {
  const findings = await examine(what)
  expect(short(findings)).toContain(line)
  expect(findings.find(({ check }) => line.startsWith(check))?.advice).toMatch(advice)
})

test('of one virtual CD the doctor says that a job would ask for more, and asks for none itself', async () => {
  const findings = await examine('sr635')
  const message = 'CD1 (CD/DVD): one medium holds both, and a job tells the BMC to have more virtual CDs'
  expect(findings.find(({ check }) => check === 'slots')?.message).toBe(message)
})

test.for<[string, boolean, string, RegExp]>([
  ['xcc', true, 'ok', /^slot EXT1 took http:\/\/127\.0\.0\.1:\d+\/media\/…$/],
  ['xcc', false, 'failed', /takes media by HTTP alone, and was given https:\/\/127\.0\.0\.1:1:/],
  ['xcc2', true, 'failed', /into slot EXT1 from https:\/\/127\.0\.0\.1:1: /],
])('%s, plain HTTP beside HTTPS: %s; the URL that was tried is told', async ([what, beside, state, words]) => {
  const machine = simulatedMachine({
    serial: 'SN-1',
    power: 'on',
    plays: false,
    faults: new Set(),
    stepMs: 0,
    say: () => undefined,
  })
  const { address } = await simulated(what, machine)
  const media = await openMedia('https://127.0.0.1:1', beside)
  const deps = { connect: checkupConnector(QUICK), testMedia: media, clock: systemClock, fetchMs: 20 }
  const insert = (await diagnose(serverAt(address), deps, never)).find(({ check }) => check === 'insert')
  expect(insert).toMatchObject({ state, message: expect.stringMatching(words) })
  if (what === 'xcc' && !beside) expect(insert?.advice).toMatch(/--media-listen/)
})

const FOREIGN = 'https://192.0.2.9/s3cr3t/debian.iso'

test.for(['idrac9', 'idrac8', 'ilo5', 'supermicro-x13'])("%s: somebody else's medium stays in", async (what) => {
  const machine = idleMachine('on')
  const { address, simulator } = await simulated(what, machine)
  const bmc = await bmcConnector(QUICK)(address, never)
  await bmc.insertMedia({ maintenance: FOREIGN, task: FOREIGN, combined: FOREIGN }, () => undefined, never)
  await bmc.close()
  const before = simulator.images()
  const findings = await diagnose(serverAt(address), await depsOf(20), never)
  expect(simulator.images()).toEqual(before)
  const insert = findings.find(({ check }) => check === 'insert')
  expect(insert).toMatchObject({ state: 'warning', message: expect.stringMatching(/holds debian\.iso/) })
  expect(insert?.message).not.toContain('s3cr3t')
})

test('an examination that is interrupted during a slow insert takes the medium out', async () => {
  const stop = new AbortController()
  const machine = idleMachine('on')
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const slow = {
    ...machine,
    async probe() {
      resolve()
      await sleep(50)
    },
  }
  const { address, simulator } = await simulated('idrac9', slow)
  const examined = diagnose(serverAt(address), await depsOf(500), stop.signal)
  await asked
  stop.abort(new Error('Ctrl-C'))
  await expect(examined).rejects.toThrow('Ctrl-C')
  expect(Object.values(simulator.images()).filter(Boolean)).toEqual([])
  expect(simulator.requests.filter(({ path, status }) => /EjectMedia$/.test(path) && status < 300)).toHaveLength(1)
})

test('nobody there and a wrong password are two findings, and the password is in neither', async () => {
  const away = await examine('idrac9', { url: 'http://127.0.0.1:1' })
  expect(short(away)).toEqual(['reachable failed'])
  expect(away[0]?.advice).toMatch(/cable/)
  const refused = await examine('idrac9', { password: 'guess-1' })
  expect(short(refused)).toEqual(['reachable ok', 'login failed'])
  expect(JSON.stringify(refused)).not.toContain('guess-1')
})

/** What is not well with a simulated server that has no fault: those that take media over https alone, and the X10. */
const OF_THEMSELVES: Readonly<Record<string, string>> = {
  ami: 'insert failed',
  sr635: 'insert failed',
  ibmc: 'insert failed',
  'supermicro-x10': 'insert failed',
}

test.for(PROFILES.map(({ name }) => name))(
  '%s: every line is there, and each failure says what to do',
  async (name) => {
    const findings = await examine(name)
    expect(findings.map(({ check }) => check)).toEqual([
      ...['reachable', 'login', 'identity', 'clock', 'power', 'slots', 'boot', 'insert'],
      ...['licence', 'fetch', 'eject', 'learned'],
    ])
    const bad = short(findings).filter((line) => /failed|warning/.test(line))
    const known = OF_THEMSELVES[name]
    expect(bad).toEqual(
      name === 'supermicro-x10' ? expect.arrayContaining([known]) : known === undefined ? [] : [known],
    )
    for (const { state, advice } of findings) if (state === 'failed') expect(advice).toMatch(/\w/)
  },
)

/** What the doctor sees of each fault; of those of the maintenance OS nothing. */
const SEEN: Readonly<Record<Fault, string | undefined>> = {
  'no-licence': 'insert failed, licence failed',
  'no-route': 'insert failed',
  'never-reads': 'fetch failed',
  'no-sessions': 'login failed',
  restarting: 'identity failed',
  'short-sessions': undefined,
  'session-media': undefined,
  busy: undefined,
  occupied: undefined,
  hiccup: undefined,
  'late-media': undefined,
  haunted: 'insert failed',
  'still-shown': 'eject failed',
  'name-only': undefined,
  untold: undefined,
  detached: undefined,
  wedged: 'insert failed',
  legacy: undefined,
  'no-cd-target': undefined,
  flips: undefined,
  'pending-job': undefined,
  distrusts: undefined,
  storeless: undefined,
  'wrong-clock': 'clock warning',
  'wrong-serial': 'identity failed',
  fails: undefined,
  quick: undefined,
  silent: undefined,
}

test.for(Object.entries(SEEN))('idrac9+%s: the doctor says "%s"', async ([fault, line]) => {
  const findings = await examine(`idrac9+${fault}`)
  const bad = short(findings).filter((found) => /failed|warning/.test(found))
  expect(bad).toEqual(line === undefined ? [] : line.split(', '))
})

test('a server whose BMC was not seen to fetch a medium is not called fit', async () => {
  expect(isFit(await examine('idrac9'))).toBe(true)
  expect(isFit(await examine('idrac9+no-licence'))).toBe(false)
  const tried = (await examine('idrac9')).filter(({ check }) => check !== 'fetch')
  expect(isFit([...tried, { check: 'fetch', state: 'skipped', message: 'nothing was inserted', advice: null }])).toBe(
    false,
  )
})

import { pino } from 'pino'
import { expect, test } from 'vitest'
import { bmcAccess } from '../../src/server/bmcs.ts'
import { testMedia } from '../../src/server/doctor/test-media.ts'
import { openReach } from '../../src/server/redfish/reach.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { sqliteKnownBmcs } from '../../src/server/store/known-bmcs.ts'
import { sqliteLearnedProfiles } from '../../src/server/store/profiles.ts'
import { sqliteServerStore } from '../../src/server/store/servers.ts'
import { systemClock } from '../../src/shared/time.ts'
import { simulated } from '../simulators/simulated.ts'
import { lab, never } from './redfish/connected.ts'
import { PLAIN_SEAL } from './support/with-worker.ts'

const NONE = { uuid: null, vendor: null, network: null, createdAt: new Date() }

function accessTo() {
  const db = openDatabase(':memory:')
  const access = bmcAccess({
    profiles: sqliteLearnedProfiles(db, systemClock),
    known: sqliteKnownBmcs(db, systemClock),
    testMedia: testMedia('http://192.0.2.1'),
    clock: systemClock,
    observe: () => undefined,
    log: pino({ level: 'silent' }),
    reach: openReach({ allowLoopback: true }),
  })
  return { access, servers: sqliteServerStore(db, PLAIN_SEAL) }
}

test('a power order to a BMC that belongs to another server is refused, and so is a medium', async () => {
  const { address, running, machine } = await lab({ serial: 'SN-2', power: 'on' })
  const { access, servers } = accessTo()
  const server = { serial: 'SN-1', bmc: { ...address, serial: 'SN-1' }, ...NONE }
  await servers.add(server)
  await expect(access.bring(server, 'off', never)).rejects.toThrow('it belongs to server "SN-2", not "SN-1"')
  const findings = await access.diagnose(server, never)
  expect(findings.map(({ check, state }) => `${check} ${state}`)).toContain('identity failed')
  expect(findings.map(({ check }) => check)).not.toContain('insert')
  expect(await access.knownBmc('SN-1')).toBeUndefined()
  expect(machine.power()).toBe('on')
  expect(running.log.requests.filter(({ method, path }) => method !== 'GET' && !path.includes('/Sessions'))).toEqual([])
  await access.close()
})

test('twenty who ask for the power state are one to the BMC, and an order is seen at once', async () => {
  const { address, simulator, machine } = await simulated('idrac9')
  const { access, servers } = accessTo()
  const server = { serial: 'SN-1', bmc: address, ...NONE }
  await servers.add(server)
  const logins = () => simulator.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/Sessions'))
  const states = await Promise.all(Array.from({ length: 20 }, () => access.power(server)))
  expect(new Set(states)).toEqual(new Set(['on']))
  expect(await access.power(server)).toBe('on')
  expect(logins()).toHaveLength(1)

  machine.stop()
  expect(await access.power(server)).toBe('on')
  await access.bring(server, 'off', never)
  expect(await access.power(server)).toBe('off')
  expect(logins()).toHaveLength(3)
  expect(simulator.sessions()).toBe(0)
  await access.close()
})

test('what an examination taught is known of the server, and of another one of its kind once that was asked', async () => {
  const { access, servers } = accessTo()
  const bmc = { url: 'simulate:ilo6+never-reads', username: 'simulated', password: 'simulated', verifyTls: false }
  const [first, second] = ['SN-1', 'SN-2'].map((serial) => ({ serial, bmc: { ...bmc, serial }, ...NONE }))
  if (first === undefined || second === undefined) expect.unreachable()
  for (const server of [first, second]) await servers.add(server)
  await access.diagnose(first, never)
  const taught = await access.knownBmc('SN-1')
  expect(taught?.model).toContain('HPE')
  expect(taught?.profile).toEqual({ payload: ['Image'], bootSlot: null, taskSlot: null, bootTarget: null })
  expect(await access.knownBmc('SN-2')).toBeUndefined()
  await access.power(second)
  expect((await access.knownBmc('SN-2'))?.profile).toEqual(taught?.profile)
  await access.close()
})

import { pino } from 'pino'
import { expect, test } from 'vitest'
import { bmcAccess } from '../../src/server/bmcs.ts'
import { testMedia } from '../../src/server/doctor/test-media.ts'
import { openReach } from '../../src/server/redfish/reach.ts'
import { systemClock } from '../../src/shared/time.ts'
import { lab, never } from './redfish/connected.ts'

test('a power order to a BMC that belongs to another server is refused, and so is a medium', async () => {
  const { address, running, machine } = await lab({ serial: 'SN-2', power: 'on' })
  const profiles = { find: async () => undefined, save: async () => undefined }
  const log = pino({ level: 'silent' })
  const access = bmcAccess({
    profiles,
    testMedia: testMedia('http://192.0.2.1'),
    clock: systemClock,
    observe: () => undefined,
    log,
    reach: openReach({ allowLoopback: true }),
  })
  const none = { uuid: null, vendor: null, network: null, createdAt: new Date() }
  const server = { serial: 'SN-1', bmc: { ...address, serial: 'SN-1' }, ...none }
  await expect(access.bring(server, 'off', never)).rejects.toThrow('it belongs to server "SN-2", not "SN-1"')
  const findings = await access.diagnose(server, never)
  expect(findings.map(({ check, state }) => `${check} ${state}`)).toContain('identity failed')
  expect(findings.map(({ check }) => check)).not.toContain('insert')
  expect(machine.power()).toBe('on')
  expect(running.log.requests.filter(({ method, path }) => method !== 'GET' && !path.includes('/Sessions'))).toEqual([])
  await access.close()
})

import { expect, test } from 'vitest'
import { bmcConnector } from '../../src/server/redfish/bmc.ts'
import { PROFILES } from '../../src/simulators/profiles.ts'
import { FAST, never } from '../server/redfish/connected.ts'
import { changes, simulated } from './simulated.ts'

const MEDIA = {
  maintenance: 'https://192.0.2.1:8443/media/tok-1/maintenance.iso',
  task: 'https://192.0.2.1:8443/media/tok-1/task.iso',
  combined: 'https://192.0.2.1:8443/media/tok-1/combined.iso',
}

const NAMES = PROFILES.map(({ name }) => name)

test.for(NAMES)('the whole way of a job on %s', async (name) => {
  const { simulator, machine, address } = await simulated(name)
  const bmc = await bmcConnector(FAST)(address, never)
  await bmc.insertMedia(MEDIA, () => undefined, never)
  console.log(name, JSON.stringify(simulator.images()))
  await bmc.bootOnceFromCd(never)
  await bmc.powerOff(never)
  await bmc.powerOn(never)
  await bmc.powerOff(never)
  await bmc.ejectMedia(never)
  await bmc.clearBootOverride(never)
  await bmc.powerOn(never)
  await bmc.close()
  console.log(changes(simulator).join('\n'))
  expect(machine.starts).toEqual(['cd', 'disk'])
})

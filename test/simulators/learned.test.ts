import { expect, test } from 'vitest'
import { bmcConnector } from '../../src/server/redfish/bmc.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { sqliteLearnedProfiles } from '../../src/server/store/profiles.ts'
import { systemClock } from '../../src/shared/time.ts'
import { never } from '../server/redfish/connected.ts'
import { changes, QUICK, simulated } from './simulated.ts'

const MEDIA = {
  maintenance: 'https://192.0.2.1/media/tok-1/maintenance.iso',
  task: 'https://192.0.2.1/media/tok-1/task.iso',
  combined: 'https://192.0.2.1/media/tok-1/combined.iso',
}

test.for<[string, object, number, number]>([
  [
    'openbmc',
    { insert: { rung: 0, demands: ['UserName'] }, bootSlot: 'USB1', taskSlot: 'USB2', bootTarget: 'Cd' },
    3,
    2,
  ],
  [
    'cisco',
    { insert: { rung: 0, demands: ['TransferProtocolType'] }, bootSlot: '1', taskSlot: '2', bootTarget: 'Cd' },
    5,
    2,
  ],
  [
    'supermicro-x12',
    { insert: { rung: 0, demands: [] }, bootSlot: 'VirtualMedia1', taskSlot: null, bootTarget: 'UefiUsbCd' },
    2,
    1,
  ],
  ['idrac8', { insert: { rung: 0, demands: [] }, bootSlot: 'CD', taskSlot: null, bootTarget: 'dell-import' }, 1, 1],
])('what worked on %s is known for the next server of its model and firmware', async ([name, learned, first, next]) => {
  const profiles = sqliteLearnedProfiles(openDatabase(':memory:'), systemClock)
  const connect = bmcConnector(QUICK, profiles)
  for (const inserts of [first, next]) {
    const { simulator, address } = await simulated(name)
    const bmc = await connect(address, never)
    const { model, vendor, firmware } = await bmc.facts(never)
    await bmc.insertMedia(MEDIA, () => undefined, never)
    await bmc.bootOnceFromCd(never)
    await bmc.close()
    expect(changes(simulator).filter((call) => call.includes('InsertMedia'))).toHaveLength(inserts)
    expect(await profiles.find(`${vendor} ${model}`, firmware)).toEqual(learned)
  }
})

test('a profile that makes no sense (any more) does no harm', async () => {
  const profiles = sqliteLearnedProfiles(openDatabase(':memory:'), systemClock)
  const { simulator, address } = await simulated('nokia')
  const odd = { insert: { rung: 9, demands: ['Nonsense'] }, bootSlot: 'CD9', taskSlot: 'CD8', bootTarget: 'x' }
  await profiles.save('Nokia Solutions and Networks AirFrame OR19', '4.13', odd)
  const bmc = await bmcConnector(QUICK, profiles)(address, never)
  await bmc.insertMedia(MEDIA, () => undefined, never)
  await bmc.close()
  expect(simulator.images()).toEqual({ CD1: MEDIA.maintenance, CD2: MEDIA.task })
})

test('one model has one profile for each firmware', async () => {
  const profiles = sqliteLearnedProfiles(openDatabase(':memory:'), systemClock)
  const one = { insert: null, bootSlot: '1', taskSlot: '2', bootTarget: 'Cd' }
  await profiles.save('Dell R760', '6.10', one)
  await profiles.save('Dell R760', '7.00', { ...one, bootSlot: '2' })
  await profiles.save('Dell R760', '6.10', { ...one, bootTarget: 'dell-import' })
  expect(await profiles.find('Dell R760', '6.10')).toEqual({ ...one, bootTarget: 'dell-import' })
  expect(await profiles.find('Dell R760', '7.00')).toEqual({ ...one, bootSlot: '2' })
  expect(await profiles.find('Dell R660', '7.00')).toBeUndefined()
})

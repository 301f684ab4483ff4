import { expect, test } from 'vitest'
import { bmcConnector } from '../../src/server/redfish/bmc.ts'
import { openLearning } from '../../src/server/redfish/learning.ts'
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
    1,
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

test.for<[string, object | undefined]>([
  ['idrac10', undefined],
  ['idrac9', { 2: MEDIA.combined }],
])(
  'a slot that took the medium because another one could not for a moment is no lesson (%s)',
  async ([name, first]) => {
    const profiles = sqliteLearnedProfiles(openDatabase(':memory:'), systemClock)
    const connect = bmcConnector(QUICK, profiles)
    const outcomes: unknown[] = []
    for (const what of [`${name}+hiccup`, name]) {
      const { simulator, address } = await simulated(what)
      const bmc = await connect(address, never)
      await bmc.insertMedia(MEDIA, () => undefined, never).catch((error: unknown) => error)
      await bmc.close()
      outcomes.push(Object.fromEntries(Object.entries(simulator.images()).filter(([, image]) => image !== undefined)))
    }
    expect(outcomes).toEqual([first ?? {}, { 1: MEDIA.maintenance, 2: MEDIA.task }])
  },
)

test('a payload that is known and refused is a hint: the ladder is climbed from its start', async () => {
  const profiles = sqliteLearnedProfiles(openDatabase(':memory:'), systemClock)
  const { simulator, address } = await simulated('supermicro-x12')
  const bmc = await bmcConnector(QUICK, profiles)(address, never)
  const { vendor, model, firmware } = await bmc.facts(never)
  await bmc.close()
  const wrong = { insert: { rung: 1, demands: [] }, bootSlot: null, taskSlot: null, bootTarget: null }
  await profiles.save(`${vendor} ${model}`, firmware, wrong)
  const next = await bmcConnector(QUICK, profiles)(address, never)
  await next.insertMedia(MEDIA, () => undefined, never)
  await next.close()
  expect(simulator.images()).toEqual({ VirtualMedia1: MEDIA.combined })
})

test('BMCs that do not tell what they are teach nothing about each other', async () => {
  const profiles = sqliteLearnedProfiles(openDatabase(':memory:'), systemClock)
  const learning = await openLearning(profiles, {
    vendor: '',
    model: '',
    firmware: '',
    serial: undefined,
    uuid: undefined,
  })
  await learning.keep({ bootSlot: 'CD9' })
  expect(await profiles.find('', '')).toBeUndefined()
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

import { expect, onTestFinished, test } from 'vitest'
import { bmcConnector } from '../../src/server/redfish/bmc.ts'
import { checkupConnector } from '../../src/server/redfish/checkup.ts'
import { createClient } from '../../src/server/redfish/client.ts'
import { discover } from '../../src/server/redfish/discover.ts'
import { openLearning } from '../../src/server/redfish/learning.ts'
import { askForMoreCds } from '../../src/server/redfish/more-cds.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { sqliteLearnedProfiles } from '../../src/server/store/profiles.ts'
import { AppError } from '../../src/shared/errors.ts'
import { systemClock } from '../../src/shared/time.ts'
import { parseSimulation } from '../../src/simulators/profiles.ts'
import { type Simulator, startSimulator } from '../../src/simulators/simulator.ts'
import { never } from '../server/redfish/connected.ts'
import { idleMachine } from './idle-machine.ts'
import { ACCOUNT, changes, QUICK, simulated } from './simulated.ts'

const of = (name: string) => `https://192.0.2.1:8443/media/tok-1/${name}.iso`
const MEDIA = { maintenance: of('maintenance'), task: of('task'), combined: of('combined') }
const KIND = ['Lenovo ThinkSystem SR635', '5.57'] as const

const profilesOf = () => sqliteLearnedProfiles(openDatabase(':memory:'), systemClock)
const told = (simulator: Simulator) => changes(simulator).filter((call) => call.includes('ConfigureCDInstance'))
const images = (simulator: Simulator) => Object.entries(simulator.images()).filter(([, image]) => image !== undefined)

/** Mounts as a job does; gives the notes of its history. */
async function mount({ url }: Pick<Simulator, 'url'>, profiles = profilesOf(), media = MEDIA): Promise<string[]> {
  const notes: string[] = []
  const address = { ...ACCOUNT, url, verifyTls: false, serial: 'SN-1' }
  const bmc = await bmcConnector(QUICK, profiles)(address, never)
  const note = (_: string, text?: string) => void (text !== undefined && notes.push(text))
  await bmc.insertMedia(media, note, never).finally(() => bmc.close())
  return notes
}

test('one virtual CD becomes four, once, and what was learned with one is forgotten', async () => {
  const profiles = profilesOf()
  await profiles.save(...KIND, { insert: null, bootSlot: 'CD1', taskSlot: null, bootTarget: 'Cd' })
  const { simulator } = await simulated('sr635')
  expect(await mount(simulator, profiles)).toEqual([
    'the BMC is told to have 4 virtual CDs, so that it takes two media',
  ])
  expect(await mount(simulator, profiles)).toEqual([])
  expect(told(simulator)).toHaveLength(1)
  expect(images(simulator)).toEqual([
    ['CD1', MEDIA.maintenance],
    ['CD2', MEDIA.task],
  ])
  expect(await profiles.find(...KIND)).toMatchObject({ bootSlot: 'CD1', taskSlot: 'CD2', bootTarget: 'Cd' })
})

test('a BMC that refuses gets one medium, and its kind is not told again', async () => {
  const { profile, faults } = parseSimulation('sr635')
  // It has no place for four.
  const small = { ...profile, media: { ...profile.media, slots: profile.media.slots.slice(0, 1), together: 1 } }
  const profiles = profilesOf()
  for (const notes of [[expect.stringMatching(/does not take the order .*CDInstance alone/)], []]) {
    const options = {
      profile: small,
      faults,
      ...ACCOUNT,
      serial: 'SN-1',
      machine: idleMachine('on'),
      clock: systemClock,
    }
    const simulator = await startSimulator(options)
    onTestFinished(() => simulator.close())
    expect(await mount(simulator, profiles)).toEqual(notes)
    expect(told(simulator)).toHaveLength(notes.length)
    expect(images(simulator)).toEqual([['CD1', MEDIA.combined]])
  }
})

test("while somebody else's medium is in, nothing is configured, and the doctor only tells of it", async () => {
  const { simulator, address } = await simulated('sr635')
  const checkup = await checkupConnector(QUICK)(address, never)
  expect(await checkup.canHaveMoreCds(never)).toBe(true)
  // Inserted by hand.
  const foreign = await checkup.insert({ url: 'https://192.0.2.9/isos/debian.iso' }, never)
  await checkup.close()
  expect(foreign.slot).toBe('CD1')
  await mount(simulator)
  expect(told(simulator)).toEqual([])
  expect(images(simulator)).toEqual([['CD1', MEDIA.combined]])
})

/** The order, to a BMC that fails these looks at its slots from then on. */
async function order(looks: number, slotMs: number, failure: AppError) {
  const { address } = await simulated('sr635')
  // Switches virtual media on.
  const checkup = await checkupConnector(QUICK)(address, never)
  await checkup.canHaveMoreCds(never)
  await checkup.close()
  const client = createClient(address, QUICK)
  onTestFinished(() => client.close(never))
  const discovery = await discover(client, undefined, never)
  const learning = await openLearning(undefined, NOBODY)
  let left = looks
  const away: typeof client = {
    ...client,
    get: (...given) => (left-- > 0 ? Promise.reject(failure) : client.get(...given)),
    find: (...given) => (left-- > 0 ? Promise.reject(failure) : client.find(...given)),
  }
  const timing = { ...QUICK, slotMs }
  return { learning, slots: askForMoreCds(away, discovery, learning, timing, () => undefined, never) }
}

const NOBODY = { vendor: '', model: '', firmware: '', serial: undefined, uuid: undefined }

test('a BMC that does not answer while its virtual media restart is waited for', async () => {
  const { slots } = await order(2, 5_000, new AppError('redfish-unreachable', 'Cannot reach the BMC'))
  expect((await slots).length).toBeGreaterThan(1)
})

test('one that shows no slot for too long fails the job, and its kind is not written off', async () => {
  const { slots, learning } = await order(1_000_000, 5, new AppError('redfish-answer', 'Cannot read the BMC'))
  await expect(slots).rejects.toThrow('told to have 4 virtual CDs and shows none')
  expect(learning.profile().refusesMoreCds).toBeUndefined()
})

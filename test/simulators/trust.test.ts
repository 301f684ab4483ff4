import { expect, test } from 'vitest'
import { bmcConnector } from '../../src/server/redfish/bmc.ts'
import { createClient } from '../../src/server/redfish/client.ts'
import { discover, readSlots } from '../../src/server/redfish/discover.ts'
import { createDrive } from '../../src/server/redfish/drive.ts'
import { openLearning } from '../../src/server/redfish/learning.ts'
import { trustedInsert } from '../../src/server/redfish/trusted-insert.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { sqliteLearnedProfiles } from '../../src/server/store/profiles.ts'
import { AppError } from '../../src/shared/errors.ts'
import { systemClock } from '../../src/shared/time.ts'
import { loadOrCreateTls } from '../../src/shared/tls.ts'
import { never } from '../server/redfish/connected.ts'
import { scratch } from '../support/scratch.ts'
import { ACCOUNT, changes, QUICK, type Simulated, simulated } from './simulated.ts'

const of = (name: string) => `https://192.0.2.1:8443/media/tok-1/${name}.iso`
const MEDIA = { maintenance: of('maintenance'), task: of('task'), combined: of('combined') }

/** A CA as the controller makes itself one. */
async function newCa(): Promise<string> {
  const directory = scratch()
  return (await loadOrCreateTls(directory, ['192.0.2.1'], systemClock)).ca ?? ''
}

const profilesOf = () => sqliteLearnedProfiles(openDatabase(':memory:'), systemClock)

/** Mounts and ejects as a job does; gives the notes of its history. */
async function mount({ address }: Simulated, caPem: string | undefined, profiles = profilesOf()): Promise<string[]> {
  const notes: string[] = []
  const bmc = await bmcConnector(QUICK, profiles)(address, never)
  try {
    const note = (_: string, text?: string) => void (text !== undefined && notes.push(text))
    await bmc.insertMedia({ ...MEDIA, caPem }, note, never)
    await bmc.ejectMedia(never)
    return notes
  } finally {
    await bmc.close()
  }
}

const aboutTrust = ({ simulator }: Simulated) => changes(simulator).filter((call) => /[Cc]ertificate/.test(call))

test.for(['idrac10', 'ilo6'])('%s: each slot gets our CA once, and verifies with it from then on', async (name) => {
  const found = await simulated(name)
  const ca = await newCa()
  expect(await mount(found, ca)).toEqual([])
  const trust = found.simulator.trust()
  for (const { certificates, verifies } of Object.values(trust)) expect([certificates, verifies]).toEqual([[ca], true])
  const told = aboutTrust(found).length
  await mount(found, ca)
  expect(aboutTrust(found)).toHaveLength(told)
})

test('nothing is told to a slot without a store, nor of media that our CA did not sign', async () => {
  const plain = await simulated('idrac9')
  await mount(plain, await newCa())
  const other = await simulated('idrac10')
  await mount(other, undefined)
  expect([...aboutTrust(plain), ...aboutTrust(other)]).toEqual([])
})

test('a BMC that refuses what it verifies gets its media as before, which is noted and known of its kind', async () => {
  const profiles = profilesOf()
  const ca = await newCa()
  const found = await simulated('idrac10+distrusts')
  const [note, ...more] = await mount(found, ca, profiles)
  expect(note).toMatch(/^slot 1 does not verify the certificate of media: .*certificate verification failed/)
  expect(note).not.toContain('tok-1')
  expect(more).toEqual([])
  expect(Object.values(found.simulator.trust()).map(({ verifies }) => verifies)).toEqual([false, false])
  const next = await simulated('idrac10+distrusts')
  expect(await mount(next, ca, profiles)).toEqual([])
  expect(aboutTrust(next)).toEqual([])
})

test('a store of certificates that is linked and not there stops no medium', async () => {
  const found = await simulated('idrac10+storeless')
  expect(await mount(found, await newCa())).toEqual([expect.stringMatching(/^slot 1 does not verify .*HTTP 404/)])
})

test('a medium that is refused for another reason says nothing about certificates', async () => {
  const profiles = profilesOf()
  const found = await simulated('idrac10+no-route')
  await expect(mount(found, await newCa(), profiles)).rejects.toThrow('no route to host')
  expect(Object.values(found.simulator.trust()).some(({ verifies }) => verifies)).toBe(false)
  expect((await profiles.find('Dell PowerEdge R770', '1.20.50.50'))?.refusesVerify).toBeUndefined()
})

test('in a full store our CA takes the place of one we had before, and of no other', async () => {
  const found = await simulated('idrac10')
  const [before, now] = [await newCa(), await newCa()]
  await mount(found, before)
  expect(await mount(found, now)).toEqual([])
  expect(found.simulator.trust()['1']).toEqual({ certificates: [now], verifies: true })

  const other = await simulated('idrac10')
  const store = '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1/Certificates'
  const basic = Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64')
  const body = JSON.stringify({ CertificateString: 'of the operator', CertificateType: 'PEM' })
  await fetch(other.simulator.url + store, { method: 'POST', headers: { authorization: `Basic ${basic}` }, body })
  expect(await mount(other, now)).toEqual([expect.stringMatching(/^slot 1 does not .*The store is full/)])
  expect(other.simulator.trust()['1']).toEqual({ certificates: ['of the operator'], verifies: false })
})

test('what one server refuses, or for a moment, is not known of its kind', async () => {
  const profiles = profilesOf()
  const [note, ...more] = await mount(await simulated('idrac10+hiccup'), await newCa(), profiles)
  expect([note, more]).toEqual([expect.stringContaining('no route to host'), []])
  const full = await simulated('idrac10', undefined, undefined, (profile) => ({
    ...profile,
    media: { ...profile.media, certificates: 0 },
  }))
  expect(await mount(full, await newCa(), profiles)).toHaveLength(2)
  expect((await profiles.find('Dell PowerEdge R770', '1.20.50.50'))?.refusesVerify).toBeUndefined()
})

test('a slot that verifies gets the CA that was made anew, whatever its kind has refused', async () => {
  const profiles = profilesOf()
  const found = await simulated('idrac10')
  await mount(found, await newCa(), profiles)
  await mount(await simulated('idrac10+distrusts'), await newCa(), profiles)
  const ca = await newCa()
  await mount(found, ca, profiles)
  expect(found.simulator.trust()['1']).toEqual({ certificates: [ca], verifies: true })
})

test('a medium that was taken and is not right goes before the switch is set back, which an iLO refuses under it', async () => {
  const { simulator, address } = await simulated('ilo6')
  const client = createClient(address, QUICK)
  const discovery = await discover(client, undefined, never)
  const learning = await openLearning(undefined, {
    vendor: '',
    model: '',
    firmware: '',
    serial: undefined,
    uuid: undefined,
  })
  const drive = createDrive(client, discovery, learning, QUICK)
  const wrong = [new AppError('redfish-answer', 'Cannot insert the medium: it shows another medium')]
  const insert: typeof drive.insert = async (...given) => (await drive.insert(...given)) ?? wrong.pop()
  const notes: string[] = []
  const how = { frees: false, note: (text: string) => notes.push(text) }
  const [slot] = (await readSlots(client, discovery, never)).filter(({ trust }) => trust !== undefined)
  if (slot === undefined) throw new Error('no slot verifies')
  const medium = { url: MEDIA.maintenance, caPem: await newCa() }
  expect(await trustedInsert(client, discovery, { ...drive, insert }, learning)(slot, medium, how, never)).toBe(
    undefined,
  )
  await client.close(never)
  expect(simulator.trust()[slot.id]?.verifies).toBe(false)
  expect(notes).toEqual([expect.stringContaining('does not verify')])
})

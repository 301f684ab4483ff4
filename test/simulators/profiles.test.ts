import { expect, test } from 'vitest'
import type { MediaUrls } from '../../src/server/jobs/bmc-ports.ts'
import { bmcConnector } from '../../src/server/redfish/bmc.ts'
import { PROFILES } from '../../src/simulators/profiles.ts'
import { never } from '../server/redfish/connected.ts'
import { changes, QUICK, simulated } from './simulated.ts'
import { MEDIA, wholeJob } from './whole-job.ts'

const FULL =
  '{"Boot":{"BootSourceOverrideTarget":"Cd","BootSourceOverrideEnabled":"Once","BootSourceOverrideMode":"UEFI"}}'
const USB = FULL.replace('"Cd"', '"UefiUsbCd"')
const DELL_IMPORT = /^POST .*ImportSystemConfiguration .*BootOnce.*Enabled.*VCD-DVD.* 202$/
const XCC = '"Inserted":true,"WriteProtected":true} If-Match 200'

/** What a row of the vendor table is about: the medium in each slot, the insert that worked, how the boot was set. */
interface Row {
  readonly slots: Readonly<Record<string, string>>
  readonly calls: readonly (string | RegExp)[]
}

const TWO = { boot: 'maintenance.iso', task: 'task.iso' }

const ROWS: Readonly<Record<string, Row>> = {
  idrac8: {
    slots: { CD: 'combined.iso' },
    calls: ['POST CD/Actions/VirtualMedia.InsertMedia {"Image":"combined.iso"} 204', DELL_IMPORT],
  },
  'idrac9-5': {
    slots: { CD: 'combined.iso' },
    calls: ['POST CD/Actions/VirtualMedia.InsertMedia {"Image":"combined.iso"} 204', DELL_IMPORT],
  },
  idrac9: {
    slots: { 1: TWO.boot, 2: TWO.task },
    // The mode is right already and would become a configuration job.
    calls: [
      /^PATCH v1\/Systems\/System.Embedded.1 {"Boot":{"BootSourceOverrideTarget":"Cd","BootSourceOverrideEnabled":"Once"}} 204$/,
    ],
  },
  idrac10: {
    slots: { 1: TWO.boot, 2: TWO.task },
    calls: [
      'POST 1/Actions/VirtualMedia.InsertMedia {"Image":"maintenance.iso"} 204',
      `PATCH Systems/System.Embedded.1/Settings ${FULL} If-Match 202`,
      'POST System.Embedded.1/Actions/ComputerSystem.Reset {"ResetType":"On"} 409',
    ],
  },
  ilo4: {
    slots: { 2: TWO.boot, 1: 'task.img' },
    calls: [
      'POST Oem/Hp/HpiLOVirtualMedia.InsertVirtualMedia {"Image":"maintenance.iso"} 200',
      'PATCH 1/VirtualMedia/2 {"Oem":{"Hp":{"BootOnNextServerReset":true}}} If-Match 200',
    ],
  },
  ilo5: {
    slots: { 2: TWO.boot, 1: 'task.img' },
    calls: [`PATCH v1/Systems/1 ${FULL} If-Match 200`],
  },
  ilo6: { slots: { 2: TWO.boot, 1: 'task.img' }, calls: [`PATCH v1/Systems/1 ${FULL} If-Match 200`] },
  xcc: {
    slots: { EXT1: TWO.boot, EXT2: TWO.task },
    calls: [
      `PATCH 1/VirtualMedia/EXT1 {"Image":"maintenance.iso",${XCC}`,
      `PATCH 1/VirtualMedia/EXT2 {"Image":"task.iso",${XCC}`,
      `PATCH v1/Systems/1 ${FULL} If-Match 200`,
      'PATCH 1/VirtualMedia/EXT1 {"Image":null,"Inserted":false} If-Match 200',
    ],
  },
  xcc2: {
    slots: { EXT1: TWO.boot, EXT2: TWO.task },
    calls: [`PATCH 1/VirtualMedia/EXT1 {"Image":"maintenance.iso",${XCC}`],
  },
  'supermicro-x11': {
    slots: { CD1: 'combined.iso' },
    calls: [
      'POST CD1/Actions/VirtualMedia.InsertMedia {"Image":"combined.iso"} 202',
      `PATCH v1/Systems/1 ${USB} If-Match 200`,
      'POST CD1/Actions/VirtualMedia.EjectMedia {} 202',
    ],
  },
  'supermicro-x12': {
    slots: { VirtualMedia1: 'combined.iso' },
    calls: ['POST VirtualMedia1/Actions/VirtualMedia.InsertMedia {"Image":"combined.iso"} 202'],
  },
  'supermicro-x13': {
    slots: { VirtualMedia1: 'combined.iso' },
    calls: ['POST VirtualMedia1/Actions/VirtualMedia.InsertMedia {"Image":"combined.iso"} 202'],
  },
  ami: {
    slots: { CD1: TWO.boot, CD2: TWO.task },
    calls: [
      'POST Actions/Oem/AMIVirtualMedia.EnableRMedia {"RMediaState":"Enable"} 204',
      'POST CD2/Actions/VirtualMedia.InsertMedia {"Image":"task.iso","TransferProtocolType":"HTTPS"} 202',
      `PATCH Systems/Self/SD ${FULL} If-Match 200`,
    ],
  },
  sr635: {
    slots: { CD1: TWO.boot, CD2: TWO.task },
    calls: [
      'POST Actions/Oem/AMIVirtualMedia.ConfigureCDInstance {"CDInstance":4} 204',
      'POST CD2/Actions/VirtualMedia.InsertMedia {"Image":"task.iso","TransferProtocolType":"HTTPS"} 202',
    ],
  },
  openbmc: {
    slots: { USB1: TWO.boot, USB2: TWO.task },
    calls: [
      'POST USB1/Actions/VirtualMedia.InsertMedia {"Image":"maintenance.iso","UserName":"none","Password":"none"} 204',
      `PATCH Systems/System_0/Settings ${FULL} If-Match 200`,
    ],
  },
  cisco: {
    slots: { 1: TWO.boot, 2: TWO.task },
    calls: [/^POST 0\/.*InsertMedia .* 405$/, 'POST 1/Actions/VirtualMedia.EjectMedia "" 204'],
  },
  ibmc: {
    slots: { CD: 'combined.iso' },
    calls: ['POST Huawei/Actions/VirtualMedia.VmmControl {"VmmControlType":"Connect","Image":"combined.iso"} 202'],
  },
  nokia: {
    slots: { CD1: TWO.boot, CD2: TWO.task },
    calls: [
      /^POST CD1.*"TransferProtocolType":"HTTPS","TransferMethod":"Stream"} 202$/,
      `PATCH Systems/0/Settings ${FULL} If-Match 200`,
    ],
  },
  sushy: {
    slots: { Cd: TWO.boot, Floppy: 'task.img' },
    calls: [
      `PATCH v1/Systems/7d8e8d0f ${FULL} 204`,
      'PATCH v1/Systems/7d8e8d0f {"Boot":{"BootSourceOverrideTarget":"Hdd"}} 204',
    ],
  },
}

test('there is a row for every BMC that can be simulated', () => {
  const simulatedNames = PROFILES.map(({ name }) => name).filter((name) => name !== 'supermicro-x10')
  expect(Object.keys(ROWS).toSorted()).toEqual(simulatedNames.toSorted())
})

test.for(Object.entries(ROWS))('%s: a job boots the medium once and leaves nothing behind', async ([name, row]) => {
  const found = await simulated(name)
  const { simulator, machine } = found
  const bmc = await bmcConnector(QUICK)(found.address, never)
  expect(await wholeJob(bmc, found)).toEqual(row.slots)
  await bmc.close()

  const calls = changes(simulator)
  for (const call of row.calls)
    expect(calls).toContainEqual(typeof call === 'string' ? call : expect.stringMatching(call))
  expect(calls.filter((call) => call.startsWith('POST') && call.includes('If-Match'))).toEqual([])
  expect(machine.starts).toEqual(['cd', 'disk'])
  expect(Object.values(simulator.images()).filter(Boolean)).toEqual([])
  expect(simulator.sessions()).toBe(0)
  expect(simulator.stuck()).toBe(false)
})

test.for(Object.keys(ROWS))('%s: a second attempt replaces the media of the first', async (name) => {
  const found = await simulated(`${name}+busy`)
  const bmc = await bmcConnector(QUICK)(found.address, never)
  await bmc.insertMedia(MEDIA, () => undefined, never)
  expect(await wholeJob(bmc, found)).toEqual(ROWS[name]?.slots)
  await bmc.close()
  expect(found.machine.starts).toEqual(['cd', 'disk'])
})

test('the first XCC is given plain HTTP where there is some, the second HTTPS', async () => {
  const given = async (what: string, media: MediaUrls) => {
    const { address, simulator } = await simulated(what)
    const bmc = await bmcConnector(QUICK)(address, never)
    try {
      await bmc.insertMedia(media, () => undefined, never)
      return Object.values(simulator.images()).filter(Boolean)
    } finally {
      await bmc.close()
    }
  }
  const plain = [MEDIA.maintenance, MEDIA.task].map((url) => url.replace('https://192.0.2.1:8443', MEDIA.plainOrigin))
  expect((await given('xcc', MEDIA)).toSorted()).toEqual(plain)
  expect((await given('xcc2', MEDIA)).toSorted()).toEqual([MEDIA.maintenance, MEDIA.task])
  expect(await given('ami', MEDIA)).toEqual([MEDIA.maintenance, MEDIA.task])
  const { plainOrigin: _, ...secure } = MEDIA
  await expect(given('xcc', secure)).rejects.toThrow(
    'this BMC takes media by HTTP alone, and was given https://192.0.2.1:8443',
  )
  const unsafe = { maintenance: plain[0] ?? '', task: plain[1] ?? '' }
  await expect(given('ami', unsafe)).rejects.toThrow('by HTTPS alone, and was given http://192.0.2.1:8080')
})

test.for(Object.keys(ROWS))('%s: a slot that shows late what was done is waited for', async (name) => {
  const found = await simulated(`${name}+late-media`)
  const bmc = await bmcConnector(QUICK)(found.address, never)
  expect(await wholeJob(bmc, found)).toEqual(ROWS[name]?.slots)
  await bmc.close()
  expect(found.machine.starts).toEqual(['cd', 'disk'])
  expect(Object.values(found.simulator.images()).filter(Boolean)).toEqual([])
})

test.for(Object.keys(ROWS))('%s: a slot that is in use and shows no medium is emptied', async (name) => {
  const found = await simulated(`${name}+haunted`)
  const bmc = await bmcConnector(QUICK)(found.address, never)
  expect(await wholeJob(bmc, found)).toEqual(ROWS[name]?.slots)
  await bmc.close()
  expect(found.machine.starts).toEqual(['cd', 'disk'])
})

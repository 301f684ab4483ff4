import { expect, test } from 'vitest'
import { mayPass } from '../../src/server/jobs/bmc-session.ts'
import { bmcConnector } from '../../src/server/redfish/bmc.ts'
import { standardOverride } from '../../src/server/redfish/boot-override.ts'
import { createClient } from '../../src/server/redfish/client.ts'
import { discover } from '../../src/server/redfish/discover.ts'
import { never } from '../server/redfish/connected.ts'
import { idleMachine } from './idle-machine.ts'
import { ACCOUNT, changes, QUICK, simulated } from './simulated.ts'
import { MEDIA, wholeJob } from './whole-job.ts'

test('Lenovo: after a system was installed, no boot setting is written', async () => {
  const found = await simulated('xcc')
  const bmc = await bmcConnector(QUICK)(found.address, never)
  await wholeJob(bmc, found)
  await bmc.close()
  const calls = changes(found.simulator)
  const start = calls.findIndex((call) => call.includes('"ResetType":"On"'))
  expect(calls.slice(start).filter((call) => call.includes('"Boot"'))).toEqual([])
})

test('Supermicro X10 takes no URL, and that is what is said', async () => {
  const { address } = await simulated('supermicro-x10')
  const bmc = await bmcConnector(QUICK)(address, never)
  await expect(bmc.insertMedia(MEDIA, () => undefined, never)).rejects.toMatchObject({
    code: 'redfish-unsupported',
    message: expect.stringMatching(/no slot for media from HTTP \(Supermicro X10/),
  })
  await bmc.close()
})

test.for<[string, RegExp]>([
  ['idrac9+no-licence', /HTTP 403: A required license is missing.*LIC501/],
  ['ilo5+no-licence', /iLO Advanced license key/],
  ['supermicro-x12+no-licence', /SFT-OOB-LIC/],
  ['xcc+no-licence', /XCC Enterprise licence/],
  ['idrac9+no-route', /RAC0904/],
  ['supermicro-x13+no-route', /not accessible/],
  ['ibmc+no-route', /not accessible/],
])("%s: the BMC's own words come through, without the media token", async ([name, words]) => {
  const { address } = await simulated(name)
  const bmc = await bmcConnector(QUICK)(address, never)
  const failure = await bmc.insertMedia(MEDIA, () => undefined, never).catch((error: unknown) => error)
  await bmc.close()
  expect(String(failure)).toMatch(words)
  expect(String(failure)).not.toContain('tok-1')
})

test.for(['idrac8', 'idrac9-5'])(
  '%s: a boot that was ordered and never happened is taken back for good',
  async (name) => {
    const { simulator, machine, address } = await simulated(name)
    const bmc = await bmcConnector(QUICK)(address, never)
    await bmc.insertMedia(MEDIA, () => undefined, never)
    if (bmc.armsWhenOff) await bmc.powerOff(never)
    await bmc.bootOnceFromCd(never)
    await bmc.powerOff(never)
    await bmc.ejectMedia(never)
    await bmc.clearBootOverride(false, never)
    expect(simulator.armed()).toBe(false)
    await bmc.insertMedia(MEDIA, () => undefined, never)
    await bmc.powerOn(never)
    await bmc.close()
    expect(machine.starts).toEqual(['disk'])
    const client = createClient(address, QUICK)
    const { system } = await discover(client, undefined, never)
    expect(system.boot.mode).toBe('UEFI')
    await client.close(never)
  },
)

test.for(['idrac8', 'idrac9-5'])('%s: virtual media that are detached are attached', async (name) => {
  const found = await simulated(`${name}+detached`)
  const bmc = await bmcConnector(QUICK)(found.address, never)
  await wholeJob(bmc, found)
  await bmc.close()
  expect(changes(found.simulator)).toContainEqual(expect.stringMatching(/VirtualMedia.1.Attached":"Attached",.*} 200$/))
  expect(found.machine.starts).toEqual(['cd', 'disk'])
})

test('an iDRAC whose media stay detached says that a restart helps, and takes them after one', async () => {
  const { address, simulator } = await simulated('idrac9-5+wedged')
  const bmc = await bmcConnector(QUICK)(address, never)
  const facts = expect.objectContaining({ restartHelps: true })
  await expect(bmc.insertMedia(MEDIA, () => undefined, never)).rejects.toMatchObject({ facts })
  await bmc.restart(never)
  expect(simulator.sessions()).toBe(0)
  await bmc.close()
  expect(changes(simulator)).toContain(
    'POST iDRAC.Embedded.1/Actions/Manager.Reset {"ResetType":"GracefulRestart"} 204',
  )
  await expect(bmcConnector(QUICK)(address, never)).rejects.toThrow('the BMC lists none')
  const again = await bmcConnector(QUICK)(address, never)
  await again.insertMedia(MEDIA, () => undefined, never)
  expect(simulator.images()).toMatchObject({ CD: MEDIA.combined })
  await again.close()
})

test("a medium that the BMC shows after its eject is in nobody's way, and the eject of a cleanup says so", async () => {
  const found = await simulated('idrac9+still-shown')
  const bmc = await bmcConnector({ ...QUICK, slotMs: 50 })(found.address, never)
  await bmc.insertMedia(MEDIA, () => undefined, never)
  await expect(bmc.ejectMedia(never)).rejects.toThrow('Cannot eject the medium in slot 1: it is still inserted')
  await bmc.insertMedia(MEDIA, () => undefined, never)
  expect(found.simulator.images()).toEqual({ 1: MEDIA.maintenance, 2: MEDIA.task })
  const inserts = changes(found.simulator).filter((call) => /InsertMedia .* 204$/.test(call))
  expect(inserts).toHaveLength(4)
  await bmc.close()
})

test.for(['idrac9+name-only', 'ilo5+name-only', 'supermicro-x13+name-only', 'idrac9+untold', 'ilo5+untold'])(
  '%s: the media of a job are taken out',
  async (what) => {
    const found = await simulated(what)
    const bmc = await bmcConnector(QUICK)(found.address, never)
    await bmc.insertMedia(MEDIA, () => undefined, never)
    const inserted = Object.values(found.simulator.images()).filter(Boolean)
    await bmc.ejectMedia(never)
    const left = Object.values(found.simulator.images()).filter(Boolean)
    await bmc.close()
    expect(inserted.length).toBeGreaterThan(0)
    expect(left).toEqual([])
  },
)

test('a Dell that is busy with another operation (SYS446) is asked again, and nothing is done twice', async () => {
  const found = await simulated('idrac9+occupied')
  const bmc = await bmcConnector(QUICK)(found.address, never)
  await bmc.insertMedia(MEDIA, () => undefined, never)
  await bmc.close()
  const statuses = changes(found.simulator)
    .filter((call) => call.includes('InsertMedia'))
    .map((call) => call.split(' ').at(-1))
  expect(statuses).toEqual(['400', '400', '204', '204'])
})

test('a box that promises two slots and takes one medium gets both as one', async () => {
  const { simulator, address } = await simulated('idrac8')
  // Without the row for its firmware it is like any unknown box.
  const quirky = { ...address, url: simulator.url }
  const bmc = await bmcConnector(QUICK)(quirky, never)
  await bmc.insertMedia(MEDIA, () => undefined, never)
  expect(simulator.images()).toEqual({ RemovableDisk: undefined, CD: MEDIA.combined })
  await bmc.close()
})

test('a BMC that has just started is not told from a stranger: what it fails with passes', async () => {
  const { address } = await simulated('idrac9+restarting')
  const words: string[] = []
  for (let tries = 0; tries < 4; tries++) {
    await expect(bmcConnector(QUICK)(address, never)).rejects.toSatisfy((error) => {
      words.push(String(error))
      return mayPass(error)
    })
  }
  expect([...new Set(words)]).toEqual([
    expect.stringContaining('the BMC lists none'),
    expect.stringContaining('does not tell its service tag'),
  ])
  const bmc = await bmcConnector(QUICK)(address, never)
  expect(await bmc.facts(never)).toMatchObject({ serial: 'SN-1' })
  await bmc.close()
})

test.for([
  'idrac8+pending-job',
  'idrac9+legacy',
  'idrac10+legacy',
  'ilo5+legacy',
  'xcc+legacy',
  'ami+legacy',
  'supermicro-x12+flips',
  'ami+flips',
])('%s: the virtual CD is booted all the same', async (what) => {
  const found = await simulated(what)
  const bmc = await bmcConnector({ ...QUICK, taskMs: 200 })(found.address, never)
  await wholeJob(bmc, found)
  await bmc.close()
  expect(found.machine.starts).toEqual(['cd', 'disk'])
})

test('a Dell that refuses the boot in the end is left without the job that would change its boot mode', async () => {
  const { simulator, address } = await simulated('idrac9+legacy')
  const client = createClient(address, QUICK)
  const discovery = await discover(client, undefined, never)
  const isOfSystem = ({ path }: { readonly path: string }) => path === discovery.system.resource.path
  const refuse = (path: string) => ({ method: 'PATCH', path, status: 400, headers: {}, body: undefined, messages: [] })
  const patch: typeof client.patch = async (resource, body, signal) =>
    isOfSystem(resource) ? refuse(resource.path) : client.patch(resource, body, signal)
  await expect(standardOverride({ ...client, patch }, discovery).arm(never)).rejects.toThrow('HTTP 400')
  await client.close(never)
  expect(changes(simulator)).toEqual([
    expect.stringMatching(/^PATCH .*Settings .*UEFI.* 202$/),
    'POST DellJobService/Actions/DellJobService.DeleteJobQueue {"JobID":"JID_1"} 200',
  ])
})

test.for(['ilo5', 'ilo6'])('%s: a slot is told to be booted where the boot target cannot be set', async (name) => {
  const found = await simulated(name, idleMachine('on'), ACCOUNT.password, (profile) => ({
    ...profile,
    boot: { ...profile.boot, targets: ['None', 'Hdd', 'Pxe'] },
  }))
  const bmc = await bmcConnector(QUICK)(found.address, never)
  await wholeJob(bmc, found)
  await bmc.close()
  expect(found.machine.starts).toEqual(['cd', 'disk'])
  expect(changes(found.simulator)).toContainEqual(expect.stringMatching(/"Hpe":{"BootOnNextServerReset":true}.* 200$/))
})

test.for([
  ['SYS-120U-TNR', 'UsbCd', ['None', 'Hdd', 'Cd', 'UsbCd']],
  ['ARS-111GL-NHR', 'Cd', ['None', 'Hdd', 'Cd', 'UsbCd', 'UefiUsbCd']],
] as const)('Supermicro %s boots the virtual CD as %s', async ([model, target, targets]) => {
  const found = await simulated('supermicro-x12', idleMachine('on'), ACCOUNT.password, (profile) => ({
    ...profile,
    system: { ...profile.system, model },
    boot: { ...profile.boot, targets, virtualCd: [target] },
  }))
  const bmc = await bmcConnector(QUICK)(found.address, never)
  await wholeJob(bmc, found)
  await bmc.close()
  expect(found.machine.starts).toEqual(['cd', 'disk'])
})

test('an iLO whose server waits in POST says so, and is not asked for less', async () => {
  const { simulator, address } = await simulated('ilo5')
  const client = createClient(address, QUICK)
  const override = standardOverride(client, await discover(client, undefined, never))
  await expect(override.arm(never)).rejects.toThrow('UnableToModifyDuringSystemPOST')
  await client.close(never)
  expect(new Set(changes(simulator)).size).toBe(1)
})

test('a slot that takes a medium under its old name and shows it under the new one has it', async () => {
  const found = await simulated('supermicro-x12', idleMachine('on'), ACCOUNT.password, (profile) => ({
    ...profile,
    media: { ...profile.media, insertsAs: 'CD1' },
  }))
  const bmc = await bmcConnector({ ...QUICK, slotMs: 200 })(found.address, never)
  expect(await wholeJob(bmc, found)).toEqual({ VirtualMedia1: 'combined.iso' })
  await bmc.close()
  expect(found.machine.starts).toEqual(['cd', 'disk'])
  expect(changes(found.simulator).filter((call) => call.includes('InsertMedia'))).toHaveLength(2)
})

test.for(['idrac9', 'ilo5', 'xcc2', 'openbmc'])(
  '%s: media stay when the session that inserted them ends',
  async (name) => {
    const { simulator, address } = await simulated(`${name}+session-media`)
    const bmc = await bmcConnector(QUICK)(address, never)
    const notes: string[] = []
    await bmc.insertMedia(MEDIA, (_, note) => void (note !== undefined && notes.push(note)), never)
    await bmc.close()
    expect(Object.values(simulator.images()).filter(Boolean)).toHaveLength(2)
    const told = expect.stringContaining('keeps media for a day now (EjectPolicy Timed, was Session)')
    expect(notes).toEqual([told, told])
  },
)

test.for(['idrac9', 'ilo5', 'xcc', 'ami'])(
  '%s: sessions that end in the middle of a job are replaced',
  async (name) => {
    const found = await simulated(`${name}+short-sessions`)
    const bmc = await bmcConnector(QUICK)(found.address, never)
    await wholeJob(bmc, found)
    await bmc.close()
    expect(found.machine.starts).toEqual(['cd', 'disk'])
  },
)

test('an empty pool of sessions is told as such', async () => {
  const { address } = await simulated('cisco+no-sessions')
  await expect(bmcConnector(QUICK)(address, never)).rejects.toThrow(/simultaneous sessions exceeding the limit/)
})

test('an override to a device of UEFI that stays is not taken for ours', async () => {
  const { simulator, address } = await simulated('xcc2')
  const client = createClient(address, QUICK)
  const discovery = await discover(client, undefined, never)
  const Boot = {
    BootSourceOverrideTarget: 'UefiTarget',
    BootSourceOverrideEnabled: 'Continuous',
    UefiTargetBootSourceOverride: 'HD(1,GPT,0001)',
  }
  expect(await client.patch(discovery.system.resource, { Boot }, never)).toMatchObject({ status: 200 })
  const before = changes(simulator).length
  const override = standardOverride(client, discovery)
  expect(await override.isArmed(never)).toBe(false)
  await override.clear(false, never)
  await client.close(never)
  expect(changes(simulator)).toHaveLength(before)
})

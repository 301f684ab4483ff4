import { expect, test } from 'vitest'
import { bmcConnector } from '../../../src/server/redfish/bmc.ts'
import { refusal } from '../../lab/bmc/state.ts'
import { idleMachine } from '../../simulators/idle-machine.ts'
import { simulated } from '../../simulators/simulated.ts'
import { changes, connected, FAST, lab, MEDIA, never } from './connected.ts'

test('facts are those of the system and of the BMC that manages it', async () => {
  const { bmc } = await connected()
  expect(await bmc.facts(never)).toEqual({
    vendor: 'Provisioner Lab',
    model: 'Virtual Server',
    firmware: '1.0.0',
    serial: 'SN-1',
    uuid: '00000000-0000-4000-8000-000000000001',
  })
})

test.for([false, true])(
  'a server is taken into the maintenance OS and out of it (actions as tasks: %s)',
  async (tasks) => {
    const { bmc, running, machine } = await connected({ tasks, power: 'on' })
    const steps: string[] = []
    await bmc.insertMedia(MEDIA, (step) => steps.push(step), never)
    expect(steps).toEqual(['redfish.mount.maintenance', 'redfish.mount.task'])
    expect(running.images()).toEqual({ Cd1: MEDIA.maintenance, Cd2: MEDIA.task })

    await bmc.bootOnceFromCd(never)
    await bmc.powerOff(never)
    await bmc.powerOn(never)
    expect(await bmc.power(never)).toBe('on')

    await bmc.powerOff(never)
    await bmc.ejectMedia(never)
    await bmc.clearBootOverride(true, never)
    expect(machine.done).toEqual([
      `media 0 ${MEDIA.maintenance}`,
      `media 1 ${MEDIA.task}`,
      'stop',
      'start cd',
      'stop',
      'media 0',
      'media 1',
    ])
  },
)

test('every step may be repeated, and a server in the wanted state is not reset', async () => {
  const { bmc, running } = await connected()
  await bmc.insertMedia(MEDIA, () => undefined, never)
  await bmc.insertMedia(MEDIA, () => undefined, never)
  expect(running.images()).toEqual({ Cd1: MEDIA.maintenance, Cd2: MEDIA.task })
  for (const repeat of [1, 2]) {
    await bmc.powerOff(never)
    await bmc.bootOnceFromCd(never)
    if (repeat === 2) await bmc.powerOn(never)
  }
  await bmc.powerOn(never)
  expect(running.log.resets).toEqual(['On'])
  await bmc.ejectMedia(never)
  await bmc.ejectMedia(never)
  expect(running.images()).toEqual({ Cd1: undefined, Cd2: undefined })
})

test('media of an earlier attempt are ejected before the new ones go in', async () => {
  const { bmc, running } = await connected()
  await bmc.insertMedia(MEDIA, () => undefined, never)
  const next = { maintenance: MEDIA.maintenance.replace('tok-1', 'tok-2'), task: MEDIA.task.replace('tok-1', 'tok-2') }
  await bmc.insertMedia(next, () => undefined, never)
  expect(running.images()).toEqual({ Cd1: next.maintenance, Cd2: next.task })
  expect(changes(running).slice(2)).toEqual([
    'POST 1/VirtualMedia/Cd1/Actions/VirtualMedia.EjectMedia 204',
    'POST 1/VirtualMedia/Cd2/Actions/VirtualMedia.EjectMedia 204',
    'POST 1/VirtualMedia/Cd1/Actions/VirtualMedia.InsertMedia 204',
    'POST 1/VirtualMedia/Cd2/Actions/VirtualMedia.InsertMedia 204',
  ])
})

test('a medium of somebody else stays when ours are ejected', async () => {
  const { bmc, running, address } = await connected({ slots: three() })
  await bmc.insertMedia(MEDIA, () => undefined, never)
  await insertByHand(address.url, 'Cd3', 'http://192.0.2.9/rescue.iso')
  await bmc.ejectMedia(never)
  expect(running.images()).toEqual({ Cd1: undefined, Cd2: undefined, Cd3: 'http://192.0.2.9/rescue.iso' })
})

test('a session that has ended is replaced by a new one, once, and the call succeeds', async () => {
  const { bmc, running } = await connected()
  running.forgetSessions()
  await bmc.bootOnceFromCd(never)
  expect(running.sessions()).toBe(1)
  expect(running.log.requests.filter(({ path }) => path.endsWith('/Sessions'))).toHaveLength(2)
})

test('the session is deleted at the end, and when discovery fails', async () => {
  const { bmc, running } = await connected()
  await bmc.close()
  expect(running.sessions()).toBe(0)

  const broken = await lab({
    intercept: ({ path }) => (path.endsWith('/Systems') ? refusal(500, 'InternalError', 'Out of order.') : undefined),
  })
  await expect(bmcConnector(FAST)(broken.address, never)).rejects.toThrow('HTTP 500: Out of order.')
  expect(broken.running.sessions()).toBe(0)
})

test('a BMC without a session service is used with Basic', async () => {
  const { bmc, running } = await connected({
    intercept: ({ path }) => (path.includes('SessionService') ? { status: 404 } : undefined),
  })
  expect(await bmc.power(never)).toBe('off')
  expect(running.sessions()).toBe(0)
})

test('a wrong password is told as such, and the password is not', async () => {
  const { address } = await lab()
  const error = await bmcConnector(FAST)({ ...address, password: 'guess-1' }, never).catch((caught: unknown) => caught)
  expect(error).toMatchObject({
    code: 'redfish-answer',
    message: 'Cannot log in to the BMC: it refuses the user name or the password',
  })
  expect(JSON.stringify([String(error), error])).not.toContain('guess-1')
})

test("an error names the BMC's own words, without the password they repeat", async () => {
  const { bmc } = await connected({
    intercept: ({ method }) =>
      method === 'PATCH' ? refusal(403, 'InsufficientPrivilege', 'Not with pa55-w0rd, admin.') : undefined,
  })
  await expect(bmc.bootOnceFromCd(never)).rejects.toMatchObject({
    code: 'redfish-answer',
    message: 'Cannot set the boot override: HTTP 403: Not with [redacted], admin. (Base.1.12.InsufficientPrivilege)',
  })
})

test('a password that is a word of the BMC does not hide what the BMC demands', async () => {
  const { simulator, address } = await simulated('openbmc', idleMachine('on'), 'UserName')
  const bmc = await bmcConnector(FAST)(address, never)
  await bmc.insertMedia(MEDIA, () => undefined, never)
  expect(Object.values(simulator.images()).filter(Boolean)).toHaveLength(2)
  await bmc.close()
})

test('no answer of a BMC brings a media token into an error', async () => {
  const { bmc } = await connected({
    power: 'on',
    intercept: ({ path }) =>
      path.endsWith('Reset') ? refusal(400, 'InUse', `${MEDIA.task} is in use.`, [MEDIA.task]) : undefined,
  })
  await expect(bmc.powerOff(never)).rejects.toThrow('http://192.0.2.1/media/[redacted]/task.iso is in use.')
})

test('a medium the BMC cannot read is reported for its step, without the media token', async () => {
  const { bmc, machine } = await connected()
  machine.media = async (_drive, url) => {
    if (url !== undefined) throw new Error(`no route to ${url}`)
  }
  const steps: string[] = []
  const failure = bmc.insertMedia(MEDIA, (step) => steps.push(step), never)
  await expect(failure).rejects.toThrow(
    /slot Cd1 from http:\/\/192\.0\.2\.1: HTTP 400: Unable to read the image: Error: no route to http:\/\/192\.0\.2\.1\/media\/\[redacted\]\//,
  )
  expect(steps).toEqual(['redfish.mount.maintenance'])
})

test('a BMC that accepts a medium and shows none is not believed', async () => {
  const { bmc } = await connected({
    intercept: ({ path }) => (path.endsWith('InsertMedia') ? { status: 204 } : undefined),
  })
  await expect(bmc.insertMedia(MEDIA, () => undefined, never)).rejects.toThrow(
    'Cannot insert the medium into slot Cd1 from http://192.0.2.1: the BMC accepted it, but it shows no medium',
  )
})

test('a server that does not go off is given up after the limit, with its state', async () => {
  const { bmc } = await connected({
    power: 'on',
    intercept: ({ path }) => (path.endsWith('Reset') ? { status: 204 } : undefined),
  })
  await expect(bmc.powerOff(never)).rejects.toThrow('Cannot switch the server off: its power state is still On')
})

test('a refused reset is repeated while the BMC says it is busy', async () => {
  let busy = 2
  const { bmc, running } = await connected({
    intercept: ({ path }) =>
      path.endsWith('Reset') && busy-- > 0 ? refusal(409, 'ActionParameterValueConflict', 'Busy.') : undefined,
  })
  await bmc.powerOn(never)
  expect(running.log.resets).toEqual(['On'])
})

function three() {
  return ['Cd1', 'Cd2', 'Cd3'].map((id) => ({ id, mediaTypes: ['CD'] }))
}

async function insertByHand(url: string, slot: string, image: string): Promise<void> {
  await fetch(`${url}/redfish/v1/Managers/1/VirtualMedia/${slot}/Actions/VirtualMedia.InsertMedia`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from('admin:pa55-w0rd').toString('base64')}` },
    body: JSON.stringify({ Image: image }),
  })
}

import { expect, test } from 'vitest'
import type { RedfishAnswer } from '../../../src/server/redfish/answer.ts'
import type { RedfishClient } from '../../../src/server/redfish/client.ts'
import type { Discovery } from '../../../src/server/redfish/discover.ts'
import { createPower } from '../../../src/server/redfish/power.ts'
import { STANDARD } from '../../../src/server/redfish/quirks.ts'
import { parseSystem } from '../../../src/server/redfish/resources.ts'
import { AppError } from '../../../src/shared/errors.ts'
import { FAST, never } from './connected.ts'

const RESET = { target: '/reset', 'ResetType@Redfish.AllowableValues': ['On', 'ForceOff', 'PushPowerButton'] }

/** A BMC that shows these power states, one after the other, and answers orders by `answer`. */
function power(states: readonly (string | null)[], answer: () => number, messages: RedfishAnswer['messages'] = []) {
  const left = [...states]
  const orders: string[] = []
  const resource = (state: string | null) => ({
    path: '/system',
    etag: undefined,
    allow: [],
    body: { PowerState: state, Actions: { '#ComputerSystem.Reset': RESET } },
  })
  const client = {
    get: async () => resource((left.length > 1 ? left.shift() : left[0]) ?? null),
    post: async (_: string, body: { ResetType: string }): Promise<RedfishAnswer> => {
      orders.push(body.ResetType)
      return { method: 'POST', path: '/reset', status: answer(), headers: {}, body: undefined, messages }
    },
  } as unknown as RedfishClient
  const system = parseSystem(resource('Off'))
  const discovery = { system, quirks: STANDARD } as unknown as Discovery
  return { bring: createPower(client, discovery, FAST).bring, orders }
}

test('a server that is powering on is waited for, not ordered on again', async () => {
  const { bring, orders } = power(['PoweringOn', 'PoweringOn', 'On'], () => 204)
  await bring('on', never)
  expect(orders).toEqual([])
})

test('a BMC that tells no power state while it switches is asked again', async () => {
  const { bring, orders } = power(['On', null, 'Unknown', 'Off'], () => 204)
  await bring('off', never)
  expect(orders).toEqual(['ForceOff'])
})

test('an order whose answer was lost counts when the server gets there, and is told as lost when it does not', async () => {
  const lose = () => {
    throw new AppError('redfish-unreachable', 'Cannot reach the BMC: no answer')
  }
  const lucky = power(['Off', 'Off', 'On'], lose)
  await lucky.bring('on', never)
  expect(lucky.orders).toEqual(['On'])
  await expect(power(['Off'], lose).bring('on', never)).rejects.toMatchObject({ code: 'redfish-unreachable' })
})

test('a refused order to a server that is powering off is no failure when it gets there', async () => {
  const { bring, orders } = power(['On', 'PoweringOff', 'PoweringOff', 'Off'], () => 400)
  await bring('off', never)
  expect(orders).toEqual(['ForceOff'])
  await expect(power(['On'], () => 400).bring('off', never)).rejects.toThrow('HTTP 400')
})

test('a server that is powering on is not off: the order to switch it off is given', async () => {
  const { bring, orders } = power(['PoweringOn', 'On', 'Off'], () => 204)
  await bring('off', never)
  expect(orders).toEqual(['ForceOff'])
})

test('a server that is powering off is not on: it is switched on again when it is off', async () => {
  const { bring, orders } = power(['PoweringOff', 'Off', 'On'], () => 204)
  await bring('on', never)
  expect(orders).toEqual(['On'])
})

test('an iLO that refuses an order in the present state is looked at, and ordered again', async () => {
  const answers = [400, 400, 200]
  const words = [{ id: 'iLO.2.14.InvalidOperationForSystemState', text: '', arguments: [], properties: [] }]
  const { bring, orders } = power(['Off', 'Off', 'Off', 'Off', 'On'], () => answers.shift() ?? 200, words)
  await bring('on', never)
  expect(orders).toEqual(['On', 'On', 'On'])
})

test.for<[number, string, boolean]>([
  [403, 'Base.1.8.InsufficientPrivilege', true],
  [400, 'Base.1.8.ActionParameterNotSupported', true],
  [400, 'IDRAC.2.8.SYS446', false],
  [503, 'Base.1.8.ServiceTemporarilyUnavailable', false],
])('an order refused with %i %s is final: %s', async ([status, id, isFinal]) => {
  const { bring } = power(['Off'], () => status, [{ id, text: '', arguments: [], properties: [] }])
  await expect(bring('on', never)).rejects.toMatchObject({ code: 'redfish-answer', facts: { status, isFinal } })
})

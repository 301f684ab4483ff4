import { expect, test } from 'vitest'
import type { RedfishAnswer } from '../../../src/server/redfish/answer.ts'
import { splitChange } from '../../../src/server/redfish/boot-override.ts'
import { chooseTarget } from '../../../src/server/redfish/boot-target.ts'
import { etagLadder } from '../../../src/server/redfish/client.ts'
import { firstShape, nextShape, payloadOf } from '../../../src/server/redfish/insert-ladder.ts'
import { parseMessages } from '../../../src/server/redfish/messages.ts'
import { chooseReset } from '../../../src/server/redfish/power.ts'
import { quirksFor } from '../../../src/server/redfish/quirks.ts'
import { parseSlot } from '../../../src/server/redfish/resources.ts'
import { findRetry, retryWaitMs } from '../../../src/server/redfish/retries.ts'

const URL_ = 'https://192.0.2.1/media/t/task.iso'

function answer(status: number, message: object = {}, more: Partial<RedfishAnswer> = {}): RedfishAnswer {
  const messages = parseMessages({ error: { '@Message.ExtendedInfo': [message] } })
  return { method: 'POST', path: '/x', status, headers: {}, body: undefined, messages, ...more }
}

function slot(allowable?: readonly string[]) {
  const action = { target: '/i', 'TransferProtocolType@Redfish.AllowableValues': allowable }
  const body = { Actions: { '#VirtualMedia.InsertMedia': action } }
  return parseSlot({ path: '/v/1', body, etag: undefined, allow: [] })
}

/** The payloads sent to a BMC that refuses each with the next of these answers, without the image. */
function payloads(refusals: readonly RedfishAnswer[], at = slot()): readonly object[] {
  const sent: object[] = []
  let shape = firstShape(at)
  for (const refusal of [...refusals, undefined]) {
    const { Image: _, ...rest } = payloadOf(shape, at, URL_)
    sent.push(rest)
    const next = refusal === undefined ? undefined : nextShape(shape, refusal)
    if (next === undefined) break
    shape = next
  }
  return sent
}

test('the insert ladder adds what the refusal names, and only then tries the other shapes', () => {
  expect(payloads([answer(400), answer(400), answer(400), answer(400)])).toEqual([
    {},
    { Inserted: true, WriteProtected: true },
    { Inserted: true },
  ])
  const missing = { MessageId: 'Base.1.8.ActionParameterMissing', Message: 'x', MessageArgs: ['TransferProtocolType'] }
  const related = { MessageId: 'Base.1.8.PropertyMissing', Message: 'x', RelatedProperties: ['#/TransferMethod'] }
  const words = { Message: 'UserName and Password must be given' }
  expect(payloads([answer(400, missing), answer(400, related), answer(500, words)])).toEqual([
    {},
    { TransferProtocolType: 'HTTPS' },
    { TransferProtocolType: 'HTTPS', TransferMethod: 'Stream' },
    { TransferProtocolType: 'HTTPS', TransferMethod: 'Stream', UserName: 'none', Password: 'none' },
  ])
})

test('a parameter that only the sentence above the messages names is added', () => {
  const body = { error: { message: 'TransferProtocolType is missing' } }
  const refusal = answer(
    400,
    { MessageId: 'Base.1.8.GeneralError', Message: 'A general error has occurred.' },
    { body },
  )
  expect(payloads([refusal])).toEqual([{}, { TransferProtocolType: 'HTTPS' }])
})

test('a refusal that is not about the payload ends the ladder', () => {
  for (const status of [403, 404, 405, 503]) expect(payloads([answer(status)])).toHaveLength(1)
})

test('a slot changed by PATCH starts with Inserted, and the protocol is spelled as the BMC spells it', () => {
  const patched = parseSlot({ path: '/v/1', body: {}, etag: undefined, allow: ['PATCH'] })
  expect(payloads([], patched)).toEqual([{ Inserted: true, WriteProtected: true }])
  const named = answer(400, { Message: 'TransferProtocolType is required' })
  expect(payloads([named], slot(['Https', 'NFS']))[1]).toEqual({ TransferProtocolType: 'Https' })
})

test.for<[string | undefined, readonly (string | undefined)[]]>([
  [undefined, [undefined]],
  ['"x"', ['"x"', undefined]],
  ['W/"x"', ['W/"x"', '"x"', undefined]],
  [`"W/'gen-1'"`, [`"W/'gen-1'"`, undefined]],
])('the ETag %s is sent as %j', ([etag, ladder]) => {
  expect(etagLadder(etag)).toEqual(ladder)
})

test.for<[string, string, readonly string[] | undefined, string]>([
  ['HPE', 'ProLiant DL360 Gen10', ['None', 'Cd', 'Hdd', 'Usb'], 'Cd'],
  ['Supermicro', 'SYS-110P-WTR', ['None', 'Cd', 'UsbCd', 'UefiUsbCd'], 'UefiUsbCd'],
  ['Supermicro', 'SYS-110P-WTR', undefined, 'UefiUsbCd'],
  ['Supermicro', 'ARS-111GL-NHR', ['Cd', 'UsbCd'], 'Cd'],
  ['Unknown', '', ['Pxe', 'UsbCd'], 'UsbCd'],
  ['Unknown', '', [], 'Cd'],
])('%s %s with %j boots %s', ([vendor, model, offered, target]) => {
  expect(chooseTarget(quirksFor(vendor, model), offered)).toBe(target)
})

test('a BMC without any CD target, or without a way to switch off, is told as unsupported', () => {
  expect(() => chooseTarget(quirksFor('Dell', ''), ['Pxe', 'Hdd'])).toThrow('the BMC offers Pxe, Hdd')
  expect(() => chooseReset('off', ['On', 'Nmi'])).toThrow('Cannot switch the server off: the BMC offers On, Nmi')
  expect(chooseReset('on', ['ForceOff', 'PushPowerButton'])).toBe('PushPowerButton')
  expect(chooseReset('off', undefined)).toBe('ForceOff')
})

test('a boot property goes where it exists: to the settings object, else to the system', () => {
  const change = {
    BootSourceOverrideTarget: 'Cd',
    BootSourceOverrideEnabled: 'Once',
    BootSourceOverrideMode: 'UEFI',
  } as const
  const pending = { target: undefined, enabled: undefined, mode: undefined, targets: undefined, options: undefined }
  expect(splitChange(change, undefined)).toEqual([['system', change]])
  expect(splitChange(change, { ...pending, properties: ['BootSourceOverrideMode'] })).toEqual([
    ['settings', { BootSourceOverrideMode: 'UEFI' }],
    ['system', { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' }],
  ])
  expect(splitChange(change, { ...pending, properties: Object.keys(change) })).toEqual([['settings', change]])
})

test.for<[string, RedfishAnswer, boolean]>([
  ['a GET that fails with 500', answer(500, {}, { method: 'GET' }), true],
  ['a POST that fails with 500', answer(500), false],
  ['an insert that fails with 500', answer(500, {}, { path: '/v/1/Actions/VirtualMedia.InsertMedia' }), true],
  ['anything answered 503', answer(503), true],
  ['a Dell that gathers inventory', answer(400, { MessageId: 'IDRAC.2.8.SYS518' }), true],
  ['an iLO in POST', answer(400, { MessageId: 'iLO.2.14.UnableToModifyDuringSystemPOST' }, { method: 'PATCH' }), true],
  ['a refused payload', answer(400, { MessageId: 'Base.1.0.PropertyUnknown' }), false],
  ['an unknown resource', answer(404, {}, { method: 'GET' }), false],
])('%s is tried again: %3$s', ([, refusal, expected]) => {
  expect(findRetry(refusal) !== undefined).toBe(expected)
})

test('a BMC that says when to come back is obeyed, up to a minute', () => {
  const row = findRetry(answer(503))
  if (row === undefined) throw new Error('503 has a row')
  expect(retryWaitMs(row, 3, answer(503))).toBe(16_000)
  expect(retryWaitMs(row, 3, answer(503, {}, { headers: { 'retry-after': '7' } }))).toBe(7_000)
  expect(retryWaitMs(row, 3, answer(503, {}, { headers: { 'retry-after': '86400' } }))).toBe(60_000)
})

import { expect, test } from 'vitest'
import { NOTHING_LEARNED } from '../../../src/server/jobs/bmc-ports.ts'
import { parseSlot } from '../../../src/server/redfish/resources.ts'
import { chooseSlots, compareIds, holds, isEmpty, isOurs } from '../../../src/server/redfish/slots.ts'

const INSERT = { '#VirtualMedia.InsertMedia': { target: '/insert' } }

/** `EXT1` by PATCH, `Slot_0-` neither, others by action; media types behind a colon. */
function slot(spec: string) {
  const [name = '', types] = spec.split(':')
  const id = name.replace(/[-~]$/, '')
  const body = {
    Id: id,
    MediaTypes: types === undefined ? null : types.split('+'),
    Actions: /[-~]$/.test(name) ? {} : INSERT,
  }
  return parseSlot({ path: `/v/${id}`, body, etag: undefined, allow: name.endsWith('~') ? ['GET', 'PATCH'] : ['GET'] })
}

test.for<[string, string, string, string]>([
  ['the virtual BMC', 'Cd1:CD+DVD Cd2:CD+DVD', 'Cd1', 'Cd2'],
  ['iDRAC 9 from 6.00', '1:CD+DVD+USBStick 2:CD+DVD+USBStick', '1', '2'],
  ['iDRAC 10, which lists 2 first', '2:CD+DVD+USBStick 1:CD+DVD+USBStick', '1', '2'],
  ['iLO 5, numbered the other way round', '1:Floppy+USBStick 2:CD+DVD', '2', '1'],
  ['Lenovo XCC, by PATCH, RDOC first', 'RDOC1~ RDOC2~ Remote1~ EXT2~ EXT1~ EXT10~', 'EXT1', 'EXT2'],
  ['NVIDIA OpenBMC, with a slot for the console', 'USB2:CD+USBStick USB1:CD+USBStick Slot_0-:CD', 'USB1', 'USB2'],
  ['Cisco, which names DVD alone', 'A:DVD B:DVD', 'A', 'B'],
])('%s: boot medium and task medium have their slots', ([, specs, boot, task]) => {
  const choice = chooseSlots(specs.split(' ').map(slot))
  expect([choice.boot[0]?.id, choice.task[0]?.id]).toEqual([boot, task])
})

test.for<[string, string, RegExp]>([
  ['no slot at all', '', /virtual CD that takes a URL: the BMC has none/],
  ['only console slots', 'Slot_0-:CD', /the BMC has Slot_0/],
])('%s is not enough', ([, specs, message]) => {
  const slots = specs.split(' ').filter(Boolean).map(slot)
  expect(() => chooseSlots(slots)).toThrow(message)
  expect(() => chooseSlots(slots)).toThrow(expect.objectContaining({ code: 'redfish-unsupported' }))
})

test.for<[string, string]>([
  ['one slot', 'CD1:CD'],
  ['a floppy beside it', 'CD1:CD FD1:Floppy'],
])('%s has to take one medium that holds both', ([, specs]) => {
  const choice = chooseSlots(specs.split(' ').map(slot))
  expect(choice).toMatchObject({ boot: [{ id: 'CD1' }], task: [] })
})

test('slots that took a medium before come first', () => {
  const learned = { ...NOTHING_LEARNED, bootSlot: 'Cd2', taskSlot: 'Cd4' }
  const choice = chooseSlots('Cd1:CD Cd2:CD Cd3:CD Cd4:CD'.split(' ').map(slot), learned)
  expect([choice.boot[0]?.id, choice.task[0]?.id]).toEqual(['Cd2', 'Cd4'])
})

test.for<[object, boolean]>([
  [{ Inserted: false, ConnectedVia: 'NotConnected', Image: null }, true],
  [{ Inserted: false, ConnectedVia: 'NotConnected', Image: 'http://left/over.iso' }, true],
  [{ Inserted: false, Image: '' }, true],
  [{ Inserted: false, Image: 'http://left/over.iso' }, true],
  [{ Inserted: false, ConnectedVia: 'URI', Image: 'http://going/away.iso' }, false],
  [{ Inserted: true, ConnectedVia: 'URI', Image: null }, false],
  [{ Image: null }, true],
  [{ Image: 'http://a/b.iso' }, false],
])('%j is empty: %s', ([body, empty]) => {
  expect(isEmpty(parseSlot({ path: '/v/1', body, etag: undefined, allow: [] }))).toBe(empty)
})

test.for<[object, boolean]>([
  [{ Inserted: true, Image: 'http://h/media/t-1/task.iso' }, true],
  [{ Inserted: true, Image: 'task.iso' }, true],
  [{ Inserted: true, Image: null }, true],
  [{ Inserted: true, Image: 'http://h/media/t-1/other.iso' }, false],
  [{ Inserted: false, Image: 'http://h/media/t-1/task.iso' }, false],
  [{ Image: 'http://h/media/t-1/task.iso', ConnectedVia: 'NotConnected' }, false],
])('%j holds the medium: %s', ([body, expected]) => {
  const found = parseSlot({ path: '/v/1', body, etag: undefined, allow: [] })
  expect(holds(found, 'http://h/media/t-1/task.iso')).toBe(expected)
})

test('media of this product are told by their path', () => {
  const of = (Image: string) => isOurs(parseSlot({ path: '/v/1', body: { Image }, etag: undefined, allow: [] }))
  expect(of('https://10.0.0.1:8443/media/abc-1/maintenance.iso')).toBe(true)
  expect(of('http://10.0.0.1/media/abc-1/task.img')).toBe(true)
  expect(of('http://10.0.0.1/media/abc-1/combined.iso')).toBe(true)
  expect(of('task.img')).toBe(true)
  expect(of('http://10.0.0.1/isos/task.iso')).toBe(false)
  expect(of('http://10.0.0.1/media/abc-1/debian.iso')).toBe(false)
  expect(of('debian.iso')).toBe(false)
})

test('ids are ordered by their numbers', () => {
  expect(['EXT10', 'EXT2', 'Cd1', '2', '1'].toSorted(compareIds)).toEqual(['1', '2', 'Cd1', 'EXT2', 'EXT10'])
})

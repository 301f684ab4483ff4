import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Resource } from '../../../src/server/redfish/client.ts'
import { chooseSystem } from '../../../src/server/redfish/discover.ts'
import { quirksFor } from '../../../src/server/redfish/quirks.ts'
import {
  parseActionInfo,
  parseManager,
  parseMembers,
  parseServiceRoot,
  parseSlot,
  parseSystem,
} from '../../../src/server/redfish/resources.ts'

const FIXTURES = join(import.meta.dirname, '..', '..', 'fixtures', 'redfish')

function recorded(machine: string, path: string): Resource {
  const file = join(FIXTURES, machine, `${path.replaceAll('/', '_')}.json`)
  return resource(path, JSON.parse(readFileSync(file, 'utf8')))
}

function resource(path: string, body: unknown, allow: readonly string[] = []): Resource {
  return { path, body, etag: undefined, allow }
}

test('the service roots lead to systems and managers', () => {
  expect(parseServiceRoot(recorded('idrac9', '/redfish/v1'))).toEqual({
    vendor: 'Dell',
    systems: '/redfish/v1/Systems',
    managers: '/redfish/v1/Managers',
    certificateService: '/redfish/v1/CertificateService',
  })
  expect(parseServiceRoot(recorded('ilo5', '/redfish/v1')).vendor).toBe('HPE')
  expect(parseMembers(recorded('idrac9', '/redfish/v1/Systems'))).toEqual(['/redfish/v1/Systems/System.Embedded.1'])
})

test('an iDRAC 9 system is read: media at the system, a settings object, the service tag as SKU', () => {
  const system = parseSystem(recorded('idrac9', '/redfish/v1/Systems/System.Embedded.1'))
  expect(system).toMatchObject({
    manufacturer: 'Dell Inc.',
    model: 'PowerEdge XR8620t',
    serialNumber: 'CNFCP002AE0058',
    sku: 'F264TR3',
    uuid: '4c4c4544-0032-3610-8034-c6c04f545233',
    powerState: 'On',
    virtualMedia: '/redfish/v1/Systems/System.Embedded.1/VirtualMedia',
    managers: ['/redfish/v1/Managers/iDRAC.Embedded.1'],
    settings: '/redfish/v1/Systems/System.Embedded.1/Settings',
    boot: { target: 'None', enabled: 'Disabled', mode: 'UEFI' },
  })
  expect(system.boot.targets).toContain('Cd')
  expect(system.reset?.target).toBe('/redfish/v1/Systems/System.Embedded.1/Actions/ComputerSystem.Reset')
  expect(system.reset?.allowable('ResetType')).toContain('ForceOff')
  expect(quirksFor('Dell', 'PowerEdge XR8620t').serialProperty).toBe('SKU')
})

test('an iLO 5 system is read: media at the manager, no settings object', () => {
  const system = parseSystem(recorded('ilo5', '/redfish/v1/Systems/1'))
  expect(system).toMatchObject({
    serialNumber: 'MXQ004058X',
    virtualMedia: undefined,
    settings: undefined,
    managers: ['/redfish/v1/Managers/1'],
  })
  expect(parseManager(recorded('ilo5', '/redfish/v1/Managers/1'))).toMatchObject({
    model: 'iLO 5',
    firmware: 'iLO 5 v2.96',
    virtualMedia: '/redfish/v1/Managers/1/VirtualMedia',
    systems: ['/redfish/v1/Systems/1'],
  })
})

test('an iDRAC tells where its attributes are and what imports a configuration', () => {
  const path = '/redfish/v1/Managers/iDRAC.Embedded.1'
  expect(parseManager(recorded('idrac9', path))).toMatchObject({
    firmware: '6.10.80.00',
    dateTime: '2023-06-02T11:03:14-05:00',
    attributes: `${path}/Oem/Dell/DellAttributes/iDRAC.Embedded.1`,
    importConfiguration: expect.stringMatching(/ImportSystemConfiguration$/),
    enableMedia: undefined,
  })
})

test.for<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['a list', []],
  ['a text', 'Not Found'],
  [
    'other types',
    { Id: 7, MediaTypes: null, Image: 3, Inserted: 'yes', Actions: [], Boot: 4, Links: { ManagedBy: {} } },
  ],
  [
    'links that are none',
    { Links: { ManagedBy: [null, 3, { '@odata.id': '' }] }, Actions: { '#VirtualMedia.InsertMedia': 1 } },
  ],
])('%s in the place of a resource is read as one that says nothing', ([, body]) => {
  expect(parseSlot(resource('/v/Cd1', body))).toMatchObject({ id: 'Cd1', inserted: undefined, insert: undefined })
  expect(parseSystem(resource('/s/1', body))).toMatchObject({ managers: [], reset: undefined, powerState: undefined })
  expect(parseMembers(resource('/c', body))).toEqual([])
})

test.for(['Huawei', 'xFusion', 'Public'])("%s: one action of the vendor's inserts and ejects", (brand) => {
  const Actions = { '#VirtualMedia.VmmControl': { target: '/control' } }
  expect(parseSlot(resource('/v/CD', { Oem: { Other: {}, [brand]: { Actions } } })).control?.target).toBe('/control')
})

test('a GB200 has two media, whoever sells it', () => {
  expect(quirksFor('Supermicro', 'ARS-121GL-NB2B', 'OpenBmc GB200-1.0')).toMatchObject({
    oneMedium: false,
    hiddenSlots: [],
  })
  expect(quirksFor('Supermicro', 'SYS-120U-TNR', 'ASPEED 01.03')).toMatchObject({ oneMedium: true })
})

test('allowed values may be in an ActionInfo resource', () => {
  const info = resource('/info', { Parameters: [{ Name: 'ResetType', AllowableValues: ['On', 'ForceOff'] }] })
  expect(parseActionInfo(info, 'ResetType')).toEqual(['On', 'ForceOff'])
  expect(parseActionInfo(info, 'Other')).toBeUndefined()
})

test('of several systems the one with the serial number is taken, and none without it', () => {
  const reset = { Actions: { '#ComputerSystem.Reset': { target: '/reset' } } }
  const [a, b, board] = [
    parseSystem(resource('/s/a', { SerialNumber: 'AAA', ...reset })),
    parseSystem(resource('/s/b', { SKU: 'BBB', ...reset })),
    parseSystem(resource('/s/board', { SerialNumber: 'GPU' })),
  ]
  expect(chooseSystem([a, b, board], 'bbb')).toBe(b)
  expect(chooseSystem([a, board], undefined)).toBe(a)
  const nameless = parseSystem(resource('/s/0', reset))
  expect(chooseSystem([nameless, board], 'AAA')).toBe(nameless)
  expect(() => chooseSystem([a, b], undefined)).toThrow('it has AAA, BBB')
  expect(() => chooseSystem([a, board], 'CCC')).toThrow(expect.objectContaining({ code: 'redfish-unsupported' }))
  expect(() => chooseSystem([], 'AAA')).toThrow(expect.objectContaining({ code: 'redfish-answer' }))
})

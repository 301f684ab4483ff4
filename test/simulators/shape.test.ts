import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ACCOUNT, simulated } from './simulated.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'redfish')

/** Annotations and vendor parts that a simulator may have and the recording did not. */
const OURS = /^(Oem|Chassis|Tasks|Product|UUID|SessionService|RedfishVersion|Links)$/

/** Paths at which two documents have values of different kinds, or where the recorded one has none. */
function differences(simulatedPart: unknown, recorded: unknown, path = ''): string[] {
  if (recorded === null || simulatedPart === null) return []
  const kind = (value: unknown) => (Array.isArray(value) ? 'list' : typeof value)
  if (kind(simulatedPart) !== kind(recorded)) return [`${path}: ${kind(simulatedPart)}, not ${kind(recorded)}`]
  if (kind(recorded) !== 'object') return []
  const there = recorded as Record<string, unknown>
  return Object.entries(simulatedPart as Record<string, unknown>).flatMap(([name, value]) => {
    if (OURS.test(name)) return []
    return name in there ? differences(value, there[name], `${path}/${name}`) : [`${path}/${name}: not recorded`]
  })
}

test.for<[string, string, string]>([
  ['idrac9', 'idrac9', '/redfish/v1'],
  ['idrac9', 'idrac9', '/redfish/v1/Systems'],
  ['idrac9', 'idrac9', '/redfish/v1/Systems/System.Embedded.1'],
  ['idrac9', 'idrac9', '/redfish/v1/Systems/System.Embedded.1/Settings'],
  ['idrac9', 'idrac9', '/redfish/v1/Managers/iDRAC.Embedded.1'],
  ['ilo5', 'ilo5', '/redfish/v1'],
  ['ilo5', 'ilo5', '/redfish/v1/Systems/1'],
  ['ilo5', 'ilo5', '/redfish/v1/Managers/1'],
])('%s answers in the shape that %s was recorded in: %s', async ([name, recording, path]) => {
  const { simulator } = await simulated(name)
  const basic = Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64')
  const answer = await fetch(`${simulator.url}${path}`, { headers: { Authorization: `Basic ${basic}` } })
  const recorded = JSON.parse(readFileSync(join(FIXTURES, recording, `${path.replaceAll('/', '_')}.json`), 'utf8'))
  expect(differences(await answer.json(), recorded)).toEqual([])
})

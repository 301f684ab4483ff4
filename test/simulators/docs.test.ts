import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FAULTS } from '../../src/simulators/faults.ts'
import { PROFILES, parseSimulation } from '../../src/simulators/profiles.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'bmc.md'), 'utf8')

test('docs/bmc.md lists exactly the BMCs and the faults that can be simulated', () => {
  const names = [...PAGE.matchAll(/^\| `([a-z0-9-]+)` \| (.+?) \|/gm)].map(([, name, what]) => `${name}: ${what}`)
  const profiles = PROFILES.map(({ name, title }) => `${name}: ${title}`)
  expect(names).toEqual([...profiles, ...Object.entries(FAULTS).map(([name, what]) => `${name}: ${what}`)])
})

test('a simulation is named by its profile and its faults', () => {
  const { profile, faults } = parseSimulation('xcc2+busy+fails')
  expect([profile.title, [...faults]]).toEqual(['Lenovo XCC2', ['busy', 'fails']])
  expect(() => parseSimulation('xcc9')).toThrow(/"xcc9" is none of idrac8, .*, sushy$/)
  expect(() => parseSimulation('xcc+slow')).toThrow(/"slow" is none of no-licence, /)
})

test('no two profiles have the same name, and every firmware slot exists', () => {
  expect(new Set(PROFILES.map(({ name }) => name)).size).toBe(PROFILES.length)
  for (const { name, media, boot } of PROFILES) {
    const ids = media.slots.map(({ id }) => id)
    if (ids.length > 0)
      expect(
        boot.slots.filter((id) => ids.includes(id)),
        name,
      ).not.toEqual([])
  }
})

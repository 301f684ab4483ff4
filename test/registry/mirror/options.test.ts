import { expect, test } from 'vitest'
import { coveredBy, namespaced } from '../../../src/registry/mirror/options.ts'

const HUB = { prefix: 'docker.io', upstream: 'https://registry.example' }
const TEAM = { prefix: 'docker.io/team', upstream: 'https://other.example/cache/' }
const ALL = { prefix: '', upstream: 'http://127.0.0.1:5000' }

test.for([
  ['docker.io/library/debian', [HUB, TEAM], HUB, 'library/debian'],
  ['docker.io/team/app', [HUB, TEAM], TEAM, 'cache/app'],
  ['docker.io', [HUB], undefined, undefined],
  ['docker.iox/app', [HUB], undefined, undefined],
  ['anything/at/all', [HUB, ALL], ALL, 'anything/at/all'],
  ['own/app', [HUB, TEAM], undefined, undefined],
] as const)('"%s" belongs to the mirror with the longest prefix', ([repository, mirrors, mirror, name]) => {
  expect(coveredBy(mirrors, repository)).toEqual(mirror === undefined ? undefined : { mirror, name })
})

test('a namespace that a mirror has becomes the prefix, any other is ignored', () => {
  expect(namespaced([HUB], 'library/debian', 'docker.io')).toBe('docker.io/library/debian')
  expect(namespaced([HUB], 'library/debian', 'quay.io')).toBe('library/debian')
  expect(namespaced([HUB], 'library/debian', null)).toBe('library/debian')
})

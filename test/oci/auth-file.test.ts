import { expect, test } from 'vitest'
import { authFilePaths, credentialsFrom } from '../../src/oci/auth-file.ts'

const login = (text: string) => ({ auth: Buffer.from(text).toString('base64') })

const FILE = JSON.stringify({
  auths: {
    'registry.example': login('host:one'),
    'registry.example/team': login('team:two'),
    'registry.example/team/app': login('app:th:ree'),
    'https://index.docker.io/v1/': login('hub:four'),
    'helper.example': {},
  },
})

test.for([
  ['registry.example', 'other', { username: 'host', password: 'one' }],
  ['registry.example', 'team/tool', { username: 'team', password: 'two' }],
  ['registry.example', 'team/app', { username: 'app', password: 'th:ree' }],
  ['registry.example', 'team/app/sub', { username: 'app', password: 'th:ree' }],
  ['docker.io', 'library/debian', { username: 'hub', password: 'four' }],
  ['helper.example', 'x', undefined],
  ['registry.example:5000', 'team/app', undefined],
] as const)('%s/%s', ([host, repository, credentials]) => {
  expect(credentialsFrom(FILE, host, repository, 'auth.json')).toEqual(credentials)
})

test('a file that is no JSON is named', () => {
  expect(() => credentialsFrom('{', 'a', 'b', '/x/auth.json')).toThrow('/x/auth.json')
})

test('podman comes before docker, and REGISTRY_AUTH_FILE before both', () => {
  expect(authFilePaths({ HOME: '/h', XDG_RUNTIME_DIR: '/r' })).toEqual([
    '/r/containers/auth.json',
    '/h/.config/containers/auth.json',
    '/h/.docker/config.json',
  ])
  expect(authFilePaths({ HOME: '/h', REGISTRY_AUTH_FILE: '/a' })).toEqual(['/a'])
})

import { expect, test } from 'vitest'
import { copyTo } from '../../src/oci/copy.ts'
import { openRepository } from '../../src/oci/registry.ts'
import { remoteTarget } from '../../src/oci/remote-target.ts'
import { parseHtpasswd } from '../../src/registry/access/htpasswd.ts'
import { policyOf } from '../../src/registry/access/open.ts'
import { parseOciReference } from '../../src/shared/oci-reference.ts'
import { CARLA, HTPASSWD } from '../registry/access/people.ts'
import { pushImage, served, testRegistry } from '../registry/support/open-registry.ts'
import { FAST_UPLOAD, never, plan, source } from './support.ts'

const POLICY = `
rules:
  - { repositories: ['**'], who: [anonymous], allow: [pull] }
  - { repositories: ['**'], who: ['user:carla'], allow: [pull, push] }
`

test('blobs are mounted where a token is needed for that, and where everybody may pull', async () => {
  const registry = await testRegistry({ policy: policyOf(POLICY, parseHtpasswd(HTPASSWD, 'test')) })
  const { url } = await served(registry)
  const [username = '', password = ''] = CARLA.split(':')
  const login = { plainHttp: true, caPem: undefined, credentials: { username, password } }
  const { host } = new URL(url)
  const repository = (name: string) => openRepository(parseOciReference(`oci://${host}/${name}`), login)
  const authorization = `Basic ${Buffer.from(CARLA).toString('base64')}`
  const asCarla: typeof registry.request = (method, path, options) =>
    registry.request(method, path, { ...options, headers: { ...options?.headers, authorization } })
  await pushImage({ ...registry, request: asCarla }, 'os/debian', '13')

  const remote = source(repository('os/debian'))
  const all = await plan(remote, '13')
  const target = remoteTarget(repository('other/debian'), { ...FAST_UPLOAD, mountFrom: 'os/debian' })
  expect(await copyTo(target, remote, { plan: all, tag: '13' }, never)).toMatchObject({ stored: 0, mounted: 2 })
})

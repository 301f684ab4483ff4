import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parsePolicyText } from '../../../src/registry/policy.ts'
import { openPolicyFile } from '../../../src/registry/policy-file.ts'
import { silent, temporaryDirectory } from '../support/open-registry.ts'

function problems(mirror: string): string[] {
  try {
    parsePolicyText(`{mirrors: [${mirror}]}`)
    return []
  } catch (error) {
    return (error as { problems: { path: string; message: string }[] }).problems.map(({ path }) => path)
  }
}

test.for([
  ['{prefix: docker.io, upstream: "https://registry.example"}', []],
  ['{prefix: "", upstream: "http://127.0.0.1:5000/cache", tag_ttl: 10m}', []],
  ['{prefix: a, upstream: "https://b", username: me, password_file: p, ca: c}', []],
  ['{prefix: "Docker", upstream: "https://b"}', ['/mirrors/0/prefix']],
  ['{prefix: a, upstream: "registry.example"}', ['/mirrors/0/upstream']],
  ['{prefix: a, upstream: "https://user:pass@b"}', ['/mirrors/0/upstream']],
  ['{prefix: a, upstream: "https://b", username: me}', ['/mirrors/0']],
  ['{prefix: a, upstream: "https://b", password: secret}', ['/mirrors/0/password']],
] as const)('a policy with the mirror %s has problems at %j', ([mirror, paths]) => {
  expect(problems(mirror)).toEqual(paths)
})

test('the password and the CA come from files beside the policy, also when they change', async () => {
  const root = await temporaryDirectory()
  const path = join(root, 'policy.yaml')
  const mirror = '{prefix: up, upstream: "https://b", username: me, password_file: pass, ca: ca.pem, tag_ttl: 30s}'
  await writeFile(join(root, 'pass'), 'first\n')
  await writeFile(join(root, 'ca.pem'), 'PEM')
  await writeFile(path, `{mirrors: [${mirror}]}`)
  const file = await openPolicyFile(path, silent)
  const loaded = { prefix: 'up', upstream: 'https://b', caPem: 'PEM', tagTtlMs: 30_000 }
  expect(file.current().upstreams).toEqual([{ ...loaded, credentials: { username: 'me', password: 'first' } }])
  await writeFile(join(root, 'pass'), 'second\n')
  await file.reload()
  expect(file.current().upstreams).toEqual([{ ...loaded, credentials: { username: 'me', password: 'second' } }])
  await file.close()
})

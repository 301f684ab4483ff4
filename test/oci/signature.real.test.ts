import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveArtifact } from '../../src/oci/pull.ts'
import { requireSignature } from '../../src/oci/signature.ts'
import { parseSigningKey } from '../../src/shared/signing-key.ts'
import { mustInTools } from '../lab/programs.ts'
import { pushImage } from '../registry/support/open-registry.ts'
import { directory, FAST, never, ourRegistry } from './support.ts'

test('a signature that skopeo makes is good for its image and its key, and for no other', async () => {
  const registry = await ourRegistry()
  await pushImage(registry, 'os/unsigned', '13')
  const at = await directory()
  await mkdir(join(at, 'registries.d'))
  const settings = 'default-docker:\n  use-sigstore-attachments: true\n'
  await writeFile(join(at, 'registries.d/attach.yaml'), settings)
  await writeFile(join(at, 'passphrase'), 'lab\n')
  const tools = (script: string) =>
    mustInTools(['bash', '-euc', script], { binds: [{ host: at, inside: '/t' }], cwd: '/t' })
  await tools(`
    for key in ours theirs; do skopeo generate-sigstore-key --output-prefix $key --passphrase-file passphrase; done
    skopeo --registries.d registries.d copy --src-tls-verify=false --dest-tls-verify=false \
      --sign-by-sigstore-private-key ours.private --sign-passphrase-file passphrase \
      docker://${registry.host}/os/unsigned:13 docker://${registry.host}/os/signed:13`)
  const key = async (name: string) => parseSigningKey(await readFile(join(at, `${name}.pub`), 'utf8'))
  const required = async (name: string, by: string) => {
    const repository = registry.repository(name)
    const artifact = await resolveArtifact(repository, 'amd64', undefined, never, FAST)
    return [artifact.digest, await requireSignature(repository, artifact, await key(by), never)]
  }
  const [digest, signed] = await required('os/signed:13', 'ours')
  expect(signed).toBe(digest)
  await expect(required('os/signed:13', 'theirs')).rejects.toThrow('it is by another key')
  await expect(required('os/unsigned:13', 'ours')).rejects.toThrow('has no signature')

  // The signature of one image under the tag of another, as somebody who can write to the registry would put it.
  const other = await pushImage(registry, 'os/signed', 'other', { annotations: { other: 'yes' } })
  const tag = (text: string | undefined) => `${text?.replace(':', '-')}.sig`
  const manifest = await registry.request('GET', `/v2/os/signed/manifests/${tag(digest)}`)
  await registry.request('PUT', `/v2/os/signed/manifests/${tag(other.digest)}`, {
    headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
    body: await manifest.text(),
  })
  await expect(required('os/signed:other', 'ours')).rejects.toThrow('it is of another image')
})

import { expect, test } from 'vitest'
import { remoteTarget } from '../../src/oci/remote-target.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { FAST_UPLOAD, never, repositoryAt, source } from './support.ts'
import { tinyRegistry } from './tiny-registry.ts'

const IMAGE = 'application/vnd.oci.image.manifest.v1+json'

function referrer(subject: string, artifactType: string) {
  const document = {
    mediaType: IMAGE,
    artifactType,
    layers: [],
    annotations: { by: 'us' },
    subject: { mediaType: IMAGE, digest: subject, size: 2 },
  }
  const content = Buffer.from(JSON.stringify(document))
  return { digest: sha256(content), mediaType: IMAGE, content }
}

test('a registry without referrers gets them as a tag, each once, and gives them back', async () => {
  await using registry = await tinyRegistry()
  // No "OCI-Subject" in the answer to a PUT, and 404 for the referrers API: distribution 2.8.
  registry.intercept = (request, response) => {
    if (request.method !== 'PUT') return false
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      registry.manifest(JSON.parse(Buffer.concat(chunks).toString()), request.url?.split('/').at(-1))
      response.writeHead(201).end()
    })
    return true
  }
  const subject = sha256('{}')
  const repository = repositoryAt(registry.host, 'os/debian')
  const target = remoteTarget(repository, FAST_UPLOAD)
  const [one, two] = [referrer(subject, 'application/one'), referrer(subject, 'application/two')]
  for (const manifest of [one, two, one]) await target.putManifest(manifest, never)

  const list = await source(repository).manifest(`sha256-${subject.slice(7)}`, never)
  const { manifests } = JSON.parse(list?.content.toString() ?? '') as { manifests: object[] }
  expect(manifests).toHaveLength(2)
  expect(manifests).toContainEqual({
    mediaType: IMAGE,
    digest: two.digest,
    size: two.content.length,
    artifactType: 'application/two',
    annotations: { by: 'us' },
  })
  expect((await source(repository).referrers(subject, never)).toSorted()).toEqual([one.digest, two.digest].toSorted())
})

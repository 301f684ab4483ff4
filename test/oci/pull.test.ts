import { expect, test } from 'vitest'
import { parseChallenges } from '../../src/oci/auth.ts'
import { chooseRootfs, type Descriptor } from '../../src/oci/manifest.ts'
import { resolveArtifact } from '../../src/oci/pull.ts'
import { openRepository, type RegistryAccess } from '../../src/oci/registry.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { parseOciReference } from '../../src/shared/oci-reference.ts'
import { tinyRegistry } from './tiny-registry.ts'

const never = new AbortController().signal
const FAST = { firstMs: 1, maxMs: 2, attempts: 3 }
const LAYER = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256('layer'), size: 5 }

function resolve(host: string, tail = ':13', access: Partial<RegistryAccess> = {}, required?: string) {
  const reference = parseOciReference(`oci://${host}/os/debian${tail}`)
  const repository = openRepository(reference, { plainHttp: true, caPem: undefined, credentials: undefined, ...access })
  return resolveArtifact(repository, 'amd64', required, never, FAST)
}

test('a tag names a manifest, and its digest is that of the bytes', async () => {
  await using registry = await tinyRegistry()
  const digest = registry.manifest({ artifactType: 'application/vnd.test', layers: [LAYER] }, '13')
  expect(await resolve(registry.host)).toMatchObject({
    digest,
    artifactType: 'application/vnd.test',
    layers: [{ digest: LAYER.digest, size: 5 }],
  })
})

test('an index leads to the image of this platform', async () => {
  await using registry = await tinyRegistry()
  const image = registry.manifest({ layers: [LAYER] })
  const other = registry.manifest({ layers: [] })
  const entry = (digest: string, architecture: string) => ({ digest, size: 9, platform: { os: 'linux', architecture } })
  const index = registry.manifest({ manifests: [entry(other, 'arm64'), entry(image, 'amd64')] }, '13')
  expect(await resolve(registry.host)).toMatchObject({ digest: index, layers: [{ size: 5 }] })
  registry.manifest({ manifests: [entry(other, 'arm64')] }, '14')
  await expect(resolve(registry.host, ':14')).rejects.toThrow('no image for linux/amd64, only linux/arm64')
})

test('an index may be as large as our registry takes it', async () => {
  await using registry = await tinyRegistry()
  const image = registry.manifest({ layers: [LAYER] })
  const manifests = [{ digest: image, size: 9 }]
  const index = registry.manifest({ manifests, annotations: { note: 'x'.repeat(5 << 20) } }, '13')
  expect(await resolve(registry.host)).toMatchObject({ digest: index, manifest: image })
})

test('a reference that nothing stands for is told apart from a registry that is away', async () => {
  await using registry = await tinyRegistry()
  await expect(resolve(registry.host)).rejects.toThrow('the registry answered 404, MANIFEST_UNKNOWN')
  expect(registry.requests).toHaveLength(1)
})

test('a manifest must have the digest that the reference or the recipe demands', async () => {
  await using registry = await tinyRegistry()
  const digest = registry.manifest({ layers: [LAYER] }, '13')
  expect(await resolve(registry.host, `@${digest}`, {}, digest)).toMatchObject({ digest })
  const other = sha256('other')
  await expect(resolve(registry.host, ':13', {}, other)).rejects.toMatchObject({ code: 'digest-mismatch' })
  registry.intercept = (_request, response) => Boolean(response.writeHead(200).end('{"layers":[]}'))
  await expect(resolve(registry.host, `@${digest}`)).rejects.toMatchObject({ code: 'digest-mismatch' })
})

test('a registry that cannot be reached is tried again, then named', async () => {
  await expect(resolve('127.0.0.1:1')).rejects.toThrow('Cannot reach the registry 127.0.0.1:1')
})

test('Basic credentials are sent when the registry asks for them, and only then', async () => {
  await using registry = await tinyRegistry()
  registry.manifest({ layers: [LAYER] }, '13')
  const seen: (string | undefined)[] = []
  registry.intercept = (request, response) => {
    seen.push(request.headers.authorization)
    if (request.headers.authorization !== undefined) return false
    response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end()
    return true
  }
  await resolve(registry.host, ':13', { credentials: { username: 'job', password: 'pä:ss' } })
  expect(seen).toEqual([undefined, `Basic ${Buffer.from('job:pä:ss').toString('base64')}`])
  await expect(resolve(registry.host)).rejects.toThrow('the registry answered 401')
})

test('a Bearer token is fetched from the realm with service and scope', async () => {
  await using registry = await tinyRegistry()
  registry.manifest({ layers: [LAYER] }, '13')
  registry.intercept = (request, response) => {
    if (request.url?.startsWith('/token')) {
      response.writeHead(200).end(JSON.stringify({ token: 'T1' }))
      return true
    }
    if (request.headers.authorization === 'Bearer T1') return false
    const challenge = `Bearer realm="http://${registry.host}/token",service="reg",scope="repository:os/debian:pull"`
    response.writeHead(401, { 'www-authenticate': challenge }).end()
    return true
  }
  expect(await resolve(registry.host)).toMatchObject({ layers: [{ size: 5 }] })
  expect(registry.requests[1]).toBe('GET /token?service=reg&scope=repository%3Aos%2Fdebian%3Apull')
})

test('a token endpoint that breaks off or is busy is asked again', async () => {
  await using registry = await tinyRegistry()
  registry.manifest({ layers: [LAYER] }, '13')
  let asked = 0
  registry.intercept = (request, response) => {
    if (request.headers.authorization === 'Bearer T1') return false
    if (!request.url?.startsWith('/token')) {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end()
    } else if (++asked === 1) response.destroy()
    else if (asked === 2) response.writeHead(503).end()
    else response.writeHead(200).end(JSON.stringify({ token: 'T1' }))
    return true
  }
  expect(await resolve(registry.host)).toMatchObject({ layers: [{ size: 5 }] })
  expect(asked).toBe(3)
})

test('a redirect is followed, and credentials stay at home', async () => {
  await using registry = await tinyRegistry()
  await using elsewhere = await tinyRegistry()
  elsewhere.manifest({ layers: [LAYER] }, '13')
  let leaked: string | undefined
  elsewhere.intercept = (request) => {
    leaked = request.headers.authorization
    return false
  }
  registry.intercept = (request, response) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    } else response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` }).end()
    return true
  }
  await resolve(registry.host, ':13', { credentials: { username: 'a', password: 'b' } })
  expect(elsewhere.requests).toHaveLength(1)
  expect(leaked).toBeUndefined()
})

test('a host that was redirected to cannot ask for a login', async () => {
  await using registry = await tinyRegistry()
  await using elsewhere = await tinyRegistry()
  registry.intercept = (request, response) =>
    Boolean(response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` }).end())
  elsewhere.intercept = (_request, response) => {
    const challenge = `Bearer realm="http://${elsewhere.host}/token"`
    return Boolean(response.writeHead(401, { 'www-authenticate': challenge }).end())
  }
  const asked = resolve(registry.host, ':13', { credentials: { username: 'a', password: 'b' } })
  await expect(asked).rejects.toThrow('the registry answered 401')
  expect(elsewhere.requests).toEqual(['GET /v2/os/debian/manifests/13'])
})

test.for<[string, object[]]>([
  ['Basic realm="a, b"', [{ scheme: 'basic', parameters: { realm: 'a, b' } }]],
  [
    'Bearer realm="https://r/t",service=s, Basic realm="q\\"q"',
    [
      { scheme: 'bearer', parameters: { realm: 'https://r/t', service: 's' } },
      { scheme: 'basic', parameters: { realm: 'q"q' } },
    ],
  ],
  ['', []],
])('the challenge %s is read as RFC 9110 11.6.1 has it', ([header, expected]) => {
  expect(parseChallenges(header)).toEqual(expected)
})

test.for<[string, (string | undefined)[], number | string]>([
  ['the only layer, whatever its name', [undefined], 0],
  ['the only tar among files', ['README.md', 'rootfs.tar.zst'], 1],
  ['neither of two tars', ['a.tar', 'b.tar.gz'], 'it has 2 layers'],
  ['no unnamed layer of several', [undefined, undefined], 'it has 2 layers'],
  ['nothing of nothing', [], 'it has no layer'],
])('the root file system is %s', ([, titles, expected]) => {
  const layers = titles.map((title) => ({ ...LAYER, title, platform: undefined }) as Descriptor)
  if (typeof expected === 'number') expect(chooseRootfs(layers)).toBe(layers[expected])
  else expect(() => chooseRootfs(layers)).toThrow(expected)
})

import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { requireSignature } from '../../src/oci/signature.ts'
import type { Digest } from '../../src/shared/digest.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { parseSigningKey } from '../../src/shared/signing-key.ts'
import { never, repositoryAt } from './support.ts'
import { type TinyRegistry, tinyRegistry } from './tiny-registry.ts'

const OURS = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const THEIRS = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const [IMAGE, INDEX, OTHER] = [sha256('image'), sha256('index'), sha256('other')]

interface Signing {
  readonly key?: KeyObject
  /** The digest that the payload names. */
  readonly of?: Digest
  readonly type?: string
  readonly change?: (payload: Buffer) => Buffer
}

/** What cosign attaches: a payload, and its signature in an annotation. */
function attach(registry: TinyRegistry, subject: Digest, ...signings: Signing[]): void {
  const layers = signings.map(
    ({ key = OURS.privateKey, of = subject, type = 'cosign container image signature', change }) => {
      const critical = { type, image: { 'docker-manifest-digest': of }, identity: { 'docker-reference': '' } }
      const payload = Buffer.from(JSON.stringify({ critical, optional: null }))
      const signature = sign('sha256', payload, key).toString('base64')
      return {
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        ...registry.blob(change?.(payload) ?? payload),
        annotations: { 'dev.cosignproject.cosign/signature': signature },
      }
    },
  )
  registry.manifest({ schemaVersion: 2, layers }, `${subject.replace(':', '-')}.sig`)
}

async function required(prepare: (registry: TinyRegistry) => void): Promise<Digest> {
  await using registry = await tinyRegistry()
  prepare(registry)
  const repository = repositoryAt(registry.host, 'os/debian:13')
  return await requireSignature(repository, { digest: INDEX, manifest: IMAGE }, OURS.publicKey, never)
}

test.for<[string, (registry: TinyRegistry) => void, Digest]>([
  ['of the index', (registry) => attach(registry, INDEX, {}), INDEX],
  ['of the image that was chosen from it', (registry) => attach(registry, IMAGE, {}), IMAGE],
  ['among those of others', (registry) => attach(registry, INDEX, { key: THEIRS.privateKey }, {}), INDEX],
])('a good signature %s is enough', async ([, prepare, signed]) => {
  expect(await required(prepare)).toBe(signed)
})

test.for<[string, (registry: TinyRegistry) => void, string]>([
  ['no signature', () => {}, `${INDEX} has no signature; ${IMAGE} has no signature`],
  ['one by another key', (registry) => attach(registry, INDEX, { key: THEIRS.privateKey }), 'it is by another key'],
  ['one of another image', (registry) => attach(registry, INDEX, { of: OTHER }), 'it is of another image'],
  [
    'one of something else',
    (registry) => attach(registry, INDEX, { type: 'atomic container signature' }),
    'no signature of an image',
  ],
  [
    'a payload changed afterwards',
    (registry) =>
      attach(registry, INDEX, {
        of: OTHER,
        change: (payload) => Buffer.from(payload.toString().replace(OTHER, INDEX)),
      }),
    'it is by another key',
  ],
  ['an empty list', (registry) => attach(registry, INDEX), 'what is attached is none'],
])('%s is refused', async ([, prepare, message]) => {
  await expect(required(prepare)).rejects.toMatchObject({
    code: 'signature-refused',
    message: expect.stringContaining(message),
  })
})

test.for<[string, string, string]>([
  ['a private key', OURS.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'no PEM block "PUBLIC KEY"'],
  [
    'another curve',
    pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey),
    'no ECDSA key on the curve P-256',
  ],
  ['another kind of key', pem(generateKeyPairSync('ed25519').publicKey), 'no ECDSA key on the curve P-256'],
  ['noise', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'it cannot be read'],
])('%s is no key for that', ([, text, message]) => {
  expect(() => parseSigningKey(text)).toThrow(message)
})

function pem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

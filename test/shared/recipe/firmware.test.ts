import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { parseRecipe, parseRecipeDocument } from '../../../src/shared/recipe/parse.ts'
import { problemsOf } from './problems.ts'

const FIRMWARE_OBJECT = {
  task_target: 'supermicro-update.target',
  firmware_url: 'https://192.0.2.1/x.bin',
  firmware_sha256: '0'.repeat(64),
  firmware_tool: { image: 'oci://192.0.2.1/sum:1', arguments: ['-u', '{file}'] },
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
const ed25519 = generateKeyPairSync('ed25519').publicKey

function signedWith(key: KeyObject, length?: number): object {
  const pem = key.export({ type: 'spki', format: 'pem' }).slice(0, length)
  return { firmware_signature: { public_key: pem, signature: 'AAAA' } }
}

test.for<[string, object, string[]]>([
  ['with checksum and tool', {}, []],
  ['by digest', { firmware_url: `oci://192.0.2.1/fw@sha256:${'a'.repeat(64)}`, firmware_sha256: undefined }, []],
  ['without a tool, which would update nothing', { firmware_tool: undefined }, ['/firmware_tool']],
  ['without a checksum', { firmware_sha256: undefined }, ['/firmware_sha256']],
  [
    'by a tag without a checksum',
    { firmware_url: 'oci://192.0.2.1/fw:1', firmware_sha256: undefined },
    ['/firmware_sha256'],
  ],
  [
    'by a file name that looks like a digest',
    { firmware_url: `https://192.0.2.1/x.bin@sha256:${'a'.repeat(64)}`, firmware_sha256: undefined },
    ['/firmware_sha256'],
  ],
  [
    'for a tool that is not told of it',
    { firmware_tool: { image: 'oci://192.0.2.1/sum:1' } },
    ['/firmware_tool/arguments'],
  ],
  [
    'for a tool that is no image',
    { firmware_tool: { image: 'oci://a', arguments: ['{file}'] } },
    ['/firmware_tool/image'],
  ],
  ['with the signature of an RSA key', signedWith(rsa), []],
  ['with the signature of an ECDSA key on another curve', signedWith(ec), []],
  ['with the key of another kind of signature', signedWith(ed25519), ['/firmware_signature/public_key']],
  ['with a damaged key', signedWith(ec, -60), ['/firmware_signature/public_key']],
  [
    'with an empty signature',
    { firmware_signature: {} },
    ['/firmware_signature/public_key', '/firmware_signature/signature'],
  ],
])('firmware %s: %j', ([, change, paths]) => {
  expect(problemsOf({ ...FIRMWARE_OBJECT, ...change })).toEqual(paths)
})

test.for<[string, string]>([
  ['https://root:hush@192.0.2.1/fw', 'has a user name or password in it'],
  ['https://192.0.2.1/"fw"', 'is no URL without quotes'],
  ['https://192.0.2.1:99999/fw', 'is no URL without quotes'],
])('the firmware URL %s is refused: %s', ([url, message]) => {
  const text = JSON.stringify({ ...FIRMWARE_OBJECT, firmware_url: url })
  expect(() => parseRecipe(parseRecipeDocument(text))).toThrow(
    expect.objectContaining({
      problems: [expect.objectContaining({ path: '/firmware_url', message: expect.stringContaining(message) })],
    }),
  )
})

import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkSums, isSigned, sealTask } from '../../../src/shared/task/seal.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const files = new Map([
  ['recipe.json', Buffer.from('{}')],
  ['job.json', Buffer.from('{"a":1}')],
])

test('a sealed task is whole and signed, and sealing twice gives the same bytes', () => {
  const sealed = sealTask(files, privateKey)
  expect(checkSums(sealed)).toBeUndefined()
  expect(isSigned(sealed, [publicKey])).toBe(true)
  expect([...sealTask(files, privateKey)]).toEqual([...sealed])
})

test.for<[string, (sealed: Map<string, Uint8Array>) => void, RegExp]>([
  ['a changed byte', (sealed) => sealed.set('recipe.json', Buffer.from('{ ')), /recipe.json.*changed/],
  ['an added file', (sealed) => sealed.set('ks.cfg', Buffer.from('x')), /ks.cfg.*not listed/],
  ['a removed file', (sealed) => sealed.delete('job.json'), /job.json.*missing/],
  ['no sums', (sealed) => sealed.delete('SHA256SUMS'), /no SHA256SUMS/],
  ['garbage in the sums', (sealed) => sealed.set('SHA256SUMS', Buffer.from('zz')), /unreadable line/],
])('%s is noticed', ([, change, expected]) => {
  const sealed = new Map(sealTask(files, privateKey))
  change(sealed)
  expect(checkSums(sealed)).toMatch(expected)
})

test('sums recomputed by somebody else are not signed', () => {
  const stranger = generateKeyPairSync('ed25519').privateKey
  expect(isSigned(sealTask(files, stranger), [createPublicKey(privateKey)])).toBe(false)
  expect(isSigned(files, [publicKey])).toBe(false)
})

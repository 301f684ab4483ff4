import { expect, test } from 'vitest'
import { parseLocation, targetTag } from '../../src/oci/location.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

test.for([
  ['oci://127.0.0.1:5000/os/debian:13', { kind: 'registry', named: '13' }],
  ['oci://127.0.0.1:5000/os/debian', { kind: 'registry', named: undefined }],
  ['registry.example/debian', { kind: 'registry', named: undefined }],
  [`registry.example/debian:13@${DIGEST}`, { kind: 'registry', named: DIGEST }],
  ['oci-layout:./dir:13', { kind: 'layout', path: './dir', named: '13' }],
  ['oci-layout:/a:b/dir', { kind: 'layout', path: '/a:b/dir', named: undefined }],
  [`oci-archive:a.tar@${DIGEST}`, { kind: 'archive', path: 'a.tar', named: DIGEST }],
  ['file:/tmp/disk:1.img', { kind: 'file', path: '/tmp/disk:1.img' }],
] as const)('"%s" is understood', ([text, location]) => {
  expect(parseLocation(text)).toMatchObject(location)
})

test.for(['oci-layout:', 'oci://nothing', 'a/UPPER', 'docker://a/b:1'])('"%s" is refused', (text) => {
  expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: 'reference-invalid' }))
})

test.for([
  ['oci://b/x:v2', 'oci://a/x:v1', undefined, 'v2'],
  ['oci://b/x', 'oci://a/x:v1', undefined, 'v1'],
  ['oci://b/x', `oci://a/x@${DIGEST}`, undefined, undefined],
  [`oci://b/x@${DIGEST}`, 'oci://a/x:v1', undefined, undefined],
  ['oci://b/x', 'oci-archive:a.tar', '13', '13'],
  ['oci://b/x', 'oci-archive:a.tar', undefined, 'latest'],
  ['oci-layout:dir', 'oci-archive:a.tar', undefined, undefined],
  ['oci-layout:dir', 'oci://a/x', undefined, 'latest'],
  ['oci://b/x', 'file:disk.img', undefined, 'latest'],
  ['file:dir', 'oci://a/x:v1', undefined, undefined],
] as const)('a copy to %s of %s, called %s there, gets the tag %s', ([target, source, found, tag]) => {
  expect(targetTag(parseLocation(target), parseLocation(source), found)).toBe(tag)
})

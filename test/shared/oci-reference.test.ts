import { expect, test } from 'vitest'
import { parseOciReference } from '../../src/shared/oci-reference.ts'

const HEX = 'a'.repeat(64)

test.for([
  ['oci://h/r', 'h', 'r', 'latest', undefined],
  ['oci://h:5000/a/b:1.2', 'h:5000', 'a/b', '1.2', undefined],
  ['192.0.2.1:8443/os/debian:13', '192.0.2.1:8443', 'os/debian', '13', undefined],
  ['oci://[2001:db8::1]:443/x', '[2001:db8::1]:443', 'x', 'latest', undefined],
  [`oci://h/r@sha256:${HEX}`, 'h', 'r', undefined, `sha256:${HEX}`],
  [`oci://h/r:t@sha256:${HEX}`, 'h', 'r', 't', `sha256:${HEX}`],
])('%s is read', ([text, host, repository, tag, digest]) => {
  expect(parseOciReference(text ?? '')).toEqual({ host, repository, tag, digest })
})

test.for([
  'oci://h',
  'oci://h/',
  'oci://h/R',
  'oci://h/a//b',
  'oci://h/a:',
  'oci://h/a@sha256:12',
  'oci://u@h/a',
  'oci://h/../a',
  '',
])('%j is refused', (text) => {
  expect(() => parseOciReference(text)).toThrow(expect.objectContaining({ code: 'reference-invalid' }))
})

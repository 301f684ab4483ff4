import { expect, test } from 'vitest'
import { tooNewVersions } from '../../build/addon-check.ts'

const LINE = '0000000000000000      DF *UND*  0000000000000000 '

test.for([
  { version: 'GLIBC_2.34', tooNew: [] },
  { version: '(GLIBC_2.36)', tooNew: [] },
  { version: 'GLIBC_2.4', tooNew: [] },
  { version: 'GLIBC_2.38', tooNew: ['GLIBC_2.38'] },
  { version: '(GLIBC_2.36.1)', tooNew: ['GLIBC_2.36.1'] },
  { version: 'GLIBCXX_3.4', tooNew: [] },
  { version: 'GLIBCXX_3.4.30', tooNew: [] },
  { version: 'GLIBCXX_3.4.32', tooNew: ['GLIBCXX_3.4.32'] },
])('$version against Debian 12', ({ version, tooNew }) => {
  expect(tooNewVersions(`${LINE}${version} strtol\n${LINE}${version} memcpy\n`)).toEqual(tooNew)
})

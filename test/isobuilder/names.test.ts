import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jolietNames, primaryNames } from '../../src/isobuilder/names.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { TreeNode } from '../../src/isobuilder/tree.ts'
import { alikeNames, names } from './awkward-names.ts'

const EMPTY = bytesSource(new Uint8Array())

function node(name: string): TreeNode {
  if (name.endsWith('/')) return { kind: 'directory', name: name.slice(0, -1), path: name, children: new Map() }
  if (name.endsWith('@')) return { kind: 'symlink', name: name.slice(0, -1), path: name, target: 'x' }
  return { kind: 'file', name, path: name, source: EMPTY }
}

/** Names with `/` at the end are directories, with `@` symbolic links. */
function primary(...names: string[]): string[] {
  return primaryNames(names.map(node)).map(({ identifier }) => Buffer.from(identifier).toString('latin1'))
}

function joliet(...names: string[]): string[] {
  return jolietNames(names.map(node)).map(({ identifier }) => Buffer.from(identifier).swap16().toString('utf16le'))
}

test.for([
  ['recipe.json', 'RECIPE.JSON;1'],
  ['recipe.schema.json', 'RECIPE_SCHEMA.JSON;1'],
  ['user-data', 'USER_DATA.;1'],
  ['unattend.xml', 'UNATTEND.XML;1'],
  ['ks.cfg', 'KS.CFG;1'],
  ['SHA256SUMS.sig', 'SHA256SUMS.SIG;1'],
  ['.profile', '_PROFILE.;1'],
  ['a.', 'A.;1'],
  ['ß', '_.;1'],
  ['日本.txt', '__.TXT;1'],
  ['😀', '_.;1'],
  ['conf.d/', 'CONF_D'],
  ['link.txt@', 'LINK.TXT;1'],
  [`${'n'.repeat(30)}`, `${'N'.repeat(30)}.;1`],
  [`${'n'.repeat(31)}`, `${'N'.repeat(30)}.;1`],
  [`${'n'.repeat(26)}.text`, `${'N'.repeat(26)}.TEXT;1`],
  [`${'n'.repeat(27)}.text`, `${'N'.repeat(26)}.TEXT;1`],
  [`a.${'e'.repeat(40)}`, `A.${'E'.repeat(8)};1`],
  [`${'d'.repeat(31)}/`, 'D'.repeat(31)],
  [`${'d'.repeat(32)}/`, 'D'.repeat(31)],
] as const)('"%s" is "%s" in the primary tree', ([name, identifier]) => {
  expect(primary(name)).toEqual([identifier])
})

test('the first in code unit order keeps the name that several want, the others are numbered', () => {
  expect(primary('ks.cfg', 'KS.CFG', 'Ks.cfg')).toEqual(['KS.CFG;1', 'KS_1.CFG;1', 'KS_2.CFG;1'])
})

test('a number takes no name that another file has by itself', () => {
  expect(primary('a', 'A', 'a_1').sort()).toEqual(['A.;1', 'A_1.;1', 'A_2.;1'])
})

test('a file and a directory do not share a name: without versions both would show as one', () => {
  expect(primary('foo', 'FOO/')).toEqual(['FOO', 'FOO_1.;1'])
})

test('a numbered name stays within its length', () => {
  const long = 'x'.repeat(29)
  expect(primary(`${long}a`, `${long}b`.slice(1), `${long}a`.toUpperCase())).toHaveLength(3)
  const extension = `a.${'e'.repeat(29)}`
  expect(primary(extension, extension.toUpperCase())).toEqual(
    ['A.EEEEEEEEEEEEEEEEEEEEEEEEEEEEE;1', 'A_1.EEEEEEEE;1'].sort(),
  )
})

test('what Windows strips is at the end of no numbered name either', () => {
  const long = 'c'.repeat(50)
  expect(joliet(`a?.bbbbbbb ${long}`, `a*.bbbbbbb ${long}`)).toEqual([`a_.bbbbbbb ${long}`, 'a__1.bbbbbbb_'])
})

test('names come before longer names, and are compared before extensions (ECMA-119 9.3)', () => {
  expect(primary('ab.a', 'a.z', 'a', 'a1', 'a_.b')).toEqual(['A.;1', 'A.Z;1', 'A1.;1', 'AB.A;1', 'A_.B;1'])
})

test.for([
  ['recipe.schema.json', 'recipe.schema.json'],
  ['user-data', 'user-data'],
  ['日本.txt', '日本.txt'],
  ['a*b:c;d?e\\f', 'a_b_c_d_e_f'],
  ['"<>|\u0001\u007f', '______'],
  ['😀.txt', '_.txt'],
  ['end. ', 'end. '.replace(' ', '_')],
  ['dots.../', 'dots___'],
  [`${'n'.repeat(64)}`, 'n'.repeat(64)],
  [`${'n'.repeat(65)}`, 'n'.repeat(64)],
  [`${'n'.repeat(65)}.json`, `${'n'.repeat(59)}.json`],
] as const)('"%s" is "%s" under Joliet', ([name, identifier]) => {
  expect(joliet(name)).toEqual([identifier])
})

test('symbolic links are not shown under Joliet', () => {
  expect(joliet('file', 'link@')).toEqual(['file'])
})

test('Joliet names are ordered by UCS-2 value', () => {
  expect(joliet('b', 'a', 'B', 'é', 'a-', 'a.')).toEqual(['B', 'a', 'a-', 'a_1', 'b', 'é'].sort())
})

test('any names become distinct, allowed, sorted identifiers, whatever their order', () => {
  const any = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
  const name = fc.oneof(any, names, fc.stringMatching(/^[aA._]{1,4}$/)).map((text) => text.replace(/[/@\0]/g, '.'))
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(name, alikeNames), { minLength: 1, maxLength: 20 }), (list) => {
      const identifiers = primary(...list)
      expect(identifiers).toEqual(primary(...list.toReversed()))
      expect(new Set(identifiers).size).toBe(list.length)
      expect(identifiers.filter((one) => !/^[A-Z0-9_]+\.[A-Z0-9_]*;1$/.test(one) || one.length > 33)).toEqual([])
      const wide = joliet(...list)
      expect(wide).toEqual([...wide].sort())
      expect(new Set(wide).size).toBe(list.length)
      expect(wide.filter((one) => !/^[^/*:;?\\"<>|]{1,64}$/.test(one) || /[. ]$/.test(one))).toEqual([])
    }),
    { numRuns: 50 },
  )
})

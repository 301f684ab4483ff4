import { expect, test } from 'vitest'
import { planIso } from '../../src/isobuilder/plan.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'
import { buildTree, SECTION_BYTES } from '../../src/isobuilder/tree.ts'
import { file, patternSource } from './image-bytes.ts'

function problems(...entries: Entry[]): [string, string][] {
  return buildTree(entries).problems.map(({ path, code }) => [path, code])
}

test.for([
  ['', 'path-empty'],
  ['/etc/passwd', 'path-absolute'],
  ['../x', 'path-component'],
  ['a/../b', 'path-component'],
  ['a/./b', 'path-component'],
  ['a//b', 'path-component'],
  ['a/', 'path-component'],
  ['a\0b', 'path-character'],
  ['\ud800', 'path-character'],
  ['n'.repeat(254), 'name-length'],
  ['é'.repeat(127), 'name-length'],
  [`${'d/'.repeat(128)}f`, 'path-depth'],
  [`${'n'.repeat(200)}/`.repeat(21), 'path-length'],
] as const)('the path %j is refused as %s', ([path, code]) => {
  expect(problems(file(path))).toEqual([[path, code]])
})

test.for(['a', 'n'.repeat(253), 'é'.repeat(126), `${'d/'.repeat(127)}f`, '...', ' ', 'a\nb'])(
  'the path %j is taken',
  (path) => {
    expect(problems(file(path))).toEqual([])
  },
)

test('a path that is given twice, and a file with something below it, are refused', () => {
  expect(problems(file('a'), file('a'))).toEqual([['a', 'path-duplicate']])
  expect(problems(file('a/b'), file('a'), file('a.c'))).toEqual([['a/b', 'path-clash']])
  expect(problems(file('a/b'), { path: 'a', symlink: 'x' })).toEqual([['a/b', 'path-clash']])
  expect(problems({ path: 'a', directory: true }, file('a/b'), { path: 'a/c', directory: true })).toEqual([])
})

test.for([
  ['', 'symlink-target'],
  ['a\0', 'symlink-target'],
  ['x'.repeat(1025), 'symlink-target'],
] as const)('a link to %j is refused as %s', ([symlink, code]) => {
  expect(problems({ path: 'l', symlink })).toEqual([['l', code]])
})

test('a file has at most 100 sections: Linux reads no more', () => {
  expect(problems({ path: 'f', source: patternSource(100 * SECTION_BYTES) })).toEqual([])
  expect(problems({ path: 'f', source: patternSource(100 * SECTION_BYTES + 1) })).toEqual([['f', 'file-size']])
})

test.for([Number.NaN, -1, 0.5, Infinity, 2 ** 53])('a file of %d bytes is refused', (size) => {
  expect(problems({ path: 'f', source: { ...patternSource(0), size } })).toEqual([['f', 'file-size']])
})

test('all problems are told at once, in the order of the paths, with the label first', () => {
  const entries = [file('z/../z'), file('a'), file('/b'), file('a')]
  const result = planIso(entries, { label: 'lower' })
  const told = result.ok ? [] : result.problems
  expect(told.map(({ path, code }) => [path, code])).toEqual([
    ['', 'label'],
    ['/b', 'path-absolute'],
    ['a', 'path-duplicate'],
    ['z/../z', 'path-component'],
  ])
  expect(planIso(entries.toReversed(), { label: 'lower' })).toEqual(result)
})

test.for(['', 'lower', 'A'.repeat(33), 'A B', 'Ä'])('the label %j is refused', (label) => {
  expect(planIso([], { label })).toMatchObject({ ok: false, problems: [{ code: 'label' }] })
})

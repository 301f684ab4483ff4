import { expect, test } from 'vitest'
import { parseCsv } from '../../src/commands/csv.ts'
import { ago } from '../../src/commands/human-time.ts'
import { paint } from '../../src/commands/paint.ts'
import { textTable } from '../../src/commands/text-table.ts'
import { duration } from '../../src/shared/duration.ts'

test.for([
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [3599, '59 min'],
  [3600, '1 h'],
  [86_400 * 400, '400 d'],
] as const)('%i seconds are %s', ([seconds, text]) => {
  expect(duration(seconds)).toBe(text)
})

test('a clock that is behind shows no time in the future', () => {
  expect(ago('2026-01-02T03:04:05Z', new Date('2026-01-02T03:04:00Z'))).toBe('0 s ago')
})

test('colours are for terminals alone', () => {
  expect(paint('red', 'failed', { colour: true })).toBe('\u001b[31mfailed\u001b[0m')
  expect(paint('red', 'failed', { colour: false })).toBe('failed')
})

test('columns are as wide as what is in them, and lines end with their text', () => {
  expect(textTable(['A', 'LONGER'], [['wide cell', 'x']])).toBe('A          LONGER\nwide cell  x\n')
})

test.for<[string, string[][] | undefined]>([
  [
    'a,b\n1,2\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a,b\r\n1,',
    [
      ['a', 'b'],
      ['1', ''],
    ],
  ],
  ['"a ""b"", c","d\ne"\n\nx', [['a "b", c', 'd\ne'], ['x']]],
  ['', []],
  ['"open', undefined],
  ['"a"b,c', undefined],
])('CSV %j', ([text, records]) => {
  expect(parseCsv(text)?.map(({ fields }) => fields)).toEqual(records)
})

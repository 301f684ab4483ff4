import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReport, FINDINGS } from '../../../src/isobuilder/lint/finding.ts'

test('docs/iso-verify.md lists exactly the findings of the table, with their severities', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/iso-verify.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (\w+) \|/gm)].map(([, code, severity]) => [code, severity])
  expect(Object.fromEntries(rows)).toEqual(FINDINGS)
})

test('every finding is expected by a test of a fault', () => {
  const tests = globSync('../**/*.ts', { cwd: import.meta.dirname }).filter((name) => !name.endsWith('finding.test.ts'))
  const text = tests.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join()
  const expected = (code: string) => new RegExp(`'${code}'|error ${code}\\b(?!-)`).test(text)
  expect(Object.keys(FINDINGS).filter((code) => !expected(code))).toEqual([])
})

test('an image of ours has errors alone, another one warnings too, and neither has endless findings', () => {
  const report = createReport()
  report.add('not-zero', 9, 'x')
  report.add('fixed-date', 8, 'x')
  for (let index = 0; index < 1000; index++) report.add('record-order', index + 10, 'x')
  const severities = (ours: boolean) => report.findings(ours).map(({ code, severity }) => `${severity} ${code}`)
  expect(severities(true).slice(0, 3)).toEqual(['error fixed-date', 'error not-zero', 'error record-order'])
  expect(severities(false).slice(0, 2)).toEqual(['warning not-zero', 'error record-order'])
  expect(severities(true)).toHaveLength(102)
  expect(report.findings(true).at(-1)?.message).toMatch(/further findings of this kind are not shown/)
})

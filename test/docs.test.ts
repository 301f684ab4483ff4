import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { environmentName } from '../src/commands/parse.ts'
import { SERVE_OPTIONS } from '../src/config.ts'
import { BUDGETS } from '../src/server/jobs/budgets.ts'
import { CONTROLLER_STEPS } from '../src/server/jobs/machine.ts'
import { ERRORS } from '../src/shared/errors.ts'
import { recipeSchemaText } from '../src/shared/task/contents.ts'
import { apiTable } from './server/support/api-table.ts'

const ROOT = join(import.meta.dirname, '..')

function page(name: string): string {
  return readFileSync(join(ROOT, 'docs', name), 'utf8')
}

function headings(text: string): string[] {
  return [...text.matchAll(/^## `?([a-z][a-z-]*)`?$/gm)].map((match) => match[1] ?? '').sort()
}

test('docs/errors.md documents exactly the codes in the table', () => {
  expect(headings(page('errors.md'))).toEqual(Object.keys(ERRORS).sort())
})

test('docs/configuration.md documents exactly the options of "serve", with their environment twins', () => {
  const text = page('configuration.md')
  expect(headings(text)).toEqual(Object.keys(SERVE_OPTIONS).sort())
  for (const name of Object.keys(SERVE_OPTIONS)) expect(text).toContain(environmentName(name))
})

test('assets/schema/recipe.schema.json is the schema in the source, byte for byte', () => {
  expect(readFileSync(join(ROOT, 'assets/schema/recipe.schema.json'), 'utf8')).toBe(recipeSchemaText())
})

test('docs/api.md has the table of the endpoints, row by row', () => {
  const rows = page('api.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
  expect(rows).toEqual(apiTable().split('\n'))
})

test('docs/configuration.md has the budgets of the code, in minutes', () => {
  const [, section = ''] = /^## `budgets`\n(.*?)^## /ms.exec(page('configuration.md')) ?? []
  const told = [...section.matchAll(/`([a-z]+)` (\d+)/g)].map(([, name, minutes]) => [
    `${name}Ms`,
    Number(minutes) * 60_000,
  ])
  // How late a BMC may start a server is nobody's to set.
  const { lateStartMs: _, ...budgets } = BUDGETS
  expect(Object.fromEntries(told)).toEqual(budgets)
})

test('docs/contracts.md names exactly the keys that the controller fails jobs with', () => {
  const [, section = ''] = /^\*\*failed_step values\.\*\*(.*?)\n\n/ms.exec(page('contracts.md')) ?? []
  const told = [...section.matchAll(/`([a-z.-]+)`/g)]
    .map(([, key = '']) => key)
    .filter((key) => !key.endsWith('.service'))
  expect(told.sort()).toEqual([...CONTROLLER_STEPS].sort())
})

test('every decision has a number of its own, which is in its first line', () => {
  const names = readdirSync(join(ROOT, 'docs/decisions'))
  const numbers = names.map((name) => name.slice(0, 4))
  expect(new Set(numbers).size).toBe(names.length)
  for (const [index, name] of names.entries()) {
    expect(page(`decisions/${name}`).split('\n')[0], name).toMatch(new RegExp(`^# ${numbers[index]}: \\S`))
  }
})

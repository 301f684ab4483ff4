import { expect, test } from 'vitest'
import { BUDGET_NAMES, parseBudgets } from '../../../src/config.ts'
import { BUDGETS, budgetsWith, webhookBudget } from '../../../src/server/jobs/budgets.ts'

test('an operator sets single budgets in minutes; the others stay', () => {
  const budgets = budgetsWith(parseBudgets('webhook=180, firmware=45') ?? {})
  expect(budgets).toEqual({ ...BUDGETS, webhookMs: 10_800_000, firmwareMs: 2_700_000 })
  expect(webhookBudget('install-linux.target', budgets)).toBe(10_800_000)
  expect(webhookBudget('firmware-update.target', budgets)).toBe(2_700_000)
  expect(webhookBudget('supermicro-update.target', budgets)).toBe(2_700_000)
  // A target that only the maintenance image of the site knows.
  expect(webhookBudget('reimage.target', budgets)).toBe(10_800_000)
})

test('every name that can be set is a budget', () => {
  expect(BUDGET_NAMES.map((name) => `${name}Ms`).filter((name) => !(name in BUDGETS))).toEqual([])
})

test.for(['webhook', 'webhook=0', 'webhook=-1', 'nonsense=5', 'webhook=1.5', 'webhook=1;cleanup=2', 'webhook=999999'])(
  'not understood: %s',
  (text) => expect(parseBudgets(text)).toBeUndefined(),
)

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BOOT_MS, bootUnits } from './boot/boot.ts'
import { LINUX_STEPS } from './failures/case.ts'
import { DISPATCHER_CASES } from './failures/dispatcher-cases.ts'
import { FIRMWARE_CASES } from './failures/firmware-cases.ts'
import { IMAGE_CASES } from './failures/image-cases.ts'
import { MEMORY_CASES } from './failures/memory-cases.ts'
import { failuresPage } from './failures/page.ts'
import { STEP_CASES } from './failures/step-cases.ts'
import { WAY_CASES } from './failures/ways.ts'

const PAGE = join(import.meta.dirname, '../../docs/failures.md')
const GROUPS = {
  'Before any step: the dispatcher': DISPATCHER_CASES,
  'Any step, whatever it does': WAY_CASES,
  'What a step finds: install-linux.target': STEP_CASES,
  'install-image.target': IMAGE_CASES,
  'firmware-update.target': FIRMWARE_CASES,
}

test.concurrent('when every step is done, success is reported once, not again at the shutdown', {
  timeout: BOOT_MS,
}, async () => {
  // The firewall is closed before any step, and what the maintenance OS itself asks is still answered.
  const partition = 'nft list ruleset; readlink /etc/resolv.conf'
  const { reports, began, journal } = await bootUnits(LINUX_STEPS, { steps: { partition } })
  expect(journal).toMatch(/hook input priority filter; policy drop;/)
  // Whatever the builder of the image has left there: the name servers of the plan are used.
  expect(journal).toMatch(/^\.\.\/run\/systemd\/resolve\/stub-resolv\.conf$/m)
  expect(reports, journal).toMatchObject([{ status: 'success', task_target: 'install-linux.target' }])
  expect(reports[0]).not.toHaveProperty('failed_step')
  expect(began).toEqual(LINUX_STEPS)
})

test.concurrent.for(
  // The last ones take longest.
  Object.values(GROUPS)
    .flat()
    .toReversed()
    .map((one) => [one.when, one] as const),
)(
  'when %s, one failure is reported, with its unit, its last lines and the journal, and no later step begins',
  { timeout: BOOT_MS },
  async ([, { scenario, unit, steps, began, says }]) => {
    const boot = await bootUnits(steps, scenario)
    expect(boot.began, boot.journal).toEqual(began)
    expect(boot.left).toEqual([])
    const [report] = boot.reports
    if (unit === 'none') {
      expect(boot.reports).toEqual([])
    } else {
      expect(boot.reports, boot.journal).toMatchObject([{ status: 'failed', failed_step: unit }])
      expect(boot.sent).toEqual(['logs', 'status-webhook'])
      expect(boot.collected[0]).toContain(unit)
    }
    for (const line of says) expect(report === undefined ? boot.journal : report.message).toContain(line)
  },
)

test('docs/failures.md says what these tests have seen', () => {
  const page = failuresPage({ ...GROUPS, 'Memory that runs out': Object.values(MEMORY_CASES) })
  if (process.env['PROVISIONER_WRITE_DOCS']) writeFileSync(PAGE, page)
  expect(readFileSync(PAGE, 'utf8')).toBe(page)
})

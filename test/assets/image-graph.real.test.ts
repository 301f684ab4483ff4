import { expect, test } from 'vitest'
import { BOOT_MS, bootUnits, type Scenario } from './boot/boot.ts'
import { IMAGE_STEPS } from './failures/case.ts'

// Undefined fields are not in the JSON on the medium.
const RECIPE = { task_target: 'install-image.target', partition_layout: undefined }

const boot = (more: Scenario) => bootUnits(IMAGE_STEPS, { recipe: RECIPE, ...more })

test.concurrent('config-drive is the last step of a disk image too, and success is reported once', {
  timeout: BOOT_MS,
}, async () => {
  const { reports, began, journal } = await boot({})
  expect(reports, journal).toMatchObject([{ status: 'success', task_target: 'install-image.target' }])
  expect(began).toEqual(IMAGE_STEPS)
})

test.concurrent('config-drive alone, with no disk written before it, fails and never begins', {
  timeout: BOOT_MS,
}, async () => {
  const { reports, began, journal } = await boot({
    dispatcher:
      '/bin/bash -c "/usr/sbin/provisioner dispatch --medium /t/task.iso --no-start --serial SN123 && systemctl start config-drive.service"',
  })
  expect(began, journal).not.toContain('config-drive')
  expect(journal).toMatch(/Assertion failed.*NoCloud drive/)
  expect(reports.filter(({ status }) => status === 'success')).toEqual([])
})

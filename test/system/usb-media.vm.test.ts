import { expect, test } from 'vitest'
import { linuxRecipe } from '../lab/site.ts'
import { testSite } from '../lab/test-site.ts'

const MINUTE = 60_000

const slots = ['Usb1', 'Usb2'].map((id) => ({ id, mediaTypes: ['CD', 'USBStick'] }))
const lab = testSite('usb', { slots, drives: ['usb', 'usb'] })

test('a BMC that shows both media as USB disks: the maintenance OS starts from one and finds its task on the other', {
  timeout: 10 * MINUTE,
}, async () => {
  // Without an image the first step fails: that it runs at all, for this job, is what the media have to do.
  const recipe = linuxRecipe(`oci://${lab.site.controller.registryHost}/os/debian:nothing`)
  const id = await lab.site.createJob(recipe)
  const job = await lab.site.until(id, ({ status }) => status === 'complete', 10 * MINUTE)
  expect(job).toMatchObject({ outcome: 'failed', failed_step: 'partition.service' })
  const journal = (await lab.site.controller.run(['job', 'logs', id])).stdout
  expect(journal).toMatch(/maintenance-init: \/dev\/sd[ab] holds/)
  expect(journal).toMatch(/found TASK_\w+ in \/dev\/sd[ab]/)
  // Neither is ever the disk to install on.
  expect(journal).toMatch(/"protected_devices": \[[^\]]*"sda"[^\]]*"sdb"/)
})

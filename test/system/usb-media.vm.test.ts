import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { labScratch } from '../lab/cache.ts'
import type { Site } from '../lab/site.ts'
import { linuxRecipe, startSite } from '../lab/site.ts'

const MINUTE = 60_000

let directory = ''
let site: Site

beforeAll(async () => {
  directory = await labScratch('test-usb')
  const slots = ['Usb1', 'Usb2'].map((id) => ({ id, mediaTypes: ['CD', 'USBStick'] }))
  site = await startSite(directory, () => undefined, { slots, drives: ['usb', 'usb'] })
}, 15 * MINUTE)

afterAll(async () => {
  await site?.close()
  await rm(directory, { recursive: true, force: true })
})

test('a BMC that shows both media as USB disks: the maintenance OS starts from one and finds its task on the other', {
  timeout: 10 * MINUTE,
}, async () => {
  // Without an image the first step fails: that it runs at all, for this job, is what the media have to do.
  const recipe = linuxRecipe(`oci://${site.controller.registryHost}/os/debian:nothing`)
  const id = await site.createJob(recipe)
  const job = await site.until(id, ({ status }) => status === 'complete', 10 * MINUTE)
  expect(job).toMatchObject({ outcome: 'failed', failed_step: 'partition.service' })
  const journal = (await site.controller.run(['job', 'logs', id])).stdout
  expect(journal).toMatch(/maintenance-init: \/dev\/sd[ab] holds/)
  expect(journal).toMatch(/found TASK_\w+ in \/dev\/sd[ab]/)
})

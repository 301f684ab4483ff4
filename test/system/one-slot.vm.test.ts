import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { labScratch } from '../lab/cache.ts'
import type { Site } from '../lab/site.ts'
import { linuxRecipe, startSite } from '../lab/site.ts'

const MINUTE = 60_000

let directory = ''
let site: Site

beforeAll(async () => {
  directory = await labScratch('test-one-slot')
  const slots = [{ id: 'Cd1', mediaTypes: ['CD', 'DVD'] }]
  site = await startSite(directory, () => undefined, { slots })
}, 15 * MINUTE)

afterAll(async () => {
  await site?.close()
  await rm(directory, { recursive: true, force: true })
})

test('a BMC of one slot gets one medium, the dispatcher finds its task behind the medium it runs from, and the job tells what was read', {
  timeout: 10 * MINUTE,
}, async () => {
  // Without an image the partition step fails: that it runs at all, for this job, is what the medium has to do.
  const recipe = linuxRecipe(`oci://${site.controller.registryHost}/os/debian:nothing`)
  const id = await site.createJob(recipe)
  await site.until(id, ({ phase }) => phase === 'booting', 2 * MINUTE)
  expect(site.bmc.images()['Cd1']).toMatch(/\/media\/[a-z0-9-]+\/combined\.iso$/i)
  const job = await site.until(id, ({ status }) => status === 'complete', 8 * MINUTE)
  expect(job).toMatchObject({ outcome: 'failed', failed_step: 'partition.service' })
  const media = job.events.filter(({ type }) => type === 'media').map(({ message }) => message)
  expect(media).toEqual([
    'volume header read',
    'boot record read',
    'boot partition read',
    'kernel is being read',
    'root image is being read',
    'task medium is being read',
  ])
  expect(site.bmc.images()).toEqual({ Cd1: undefined })
})

import { expect, test } from 'vitest'
import { linuxRecipe } from '../lab/site.ts'
import { testSite } from '../lab/test-site.ts'

const MINUTE = 60_000

const lab = testSite('one-slot', { slots: [{ id: 'Cd1', mediaTypes: ['CD', 'DVD'] }] })

test('a BMC of one slot gets one medium, the dispatcher finds its task behind the medium it runs from, and the job tells what was read', {
  timeout: 10 * MINUTE,
}, async () => {
  // Without an image the partition step fails: that it runs at all, for this job, is what the medium has to do.
  const recipe = linuxRecipe(`oci://${lab.site.controller.registryHost}/os/debian:nothing`)
  const id = await lab.site.createJob(recipe)
  await lab.site.until(id, ({ phase }) => phase === 'booting', 2 * MINUTE)
  expect(lab.site.bmc.images()['Cd1']).toMatch(/\/media\/[a-z0-9-]+\/combined\.iso$/i)
  const job = await lab.site.until(id, ({ status }) => status === 'complete', 8 * MINUTE)
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
  expect(lab.site.bmc.images()).toEqual({ Cd1: undefined })
})

import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { readIso } from '../../../src/isobuilder/image.ts'
import type { Job } from '../../../src/server/jobs/machine.ts'
import { jobMedia } from '../../../src/server/media/job-media.ts'
import { parseRecipe } from '../../../src/shared/recipe/parse.ts'
import { REFUSED_TODAY } from '../support/recipe.ts'
import { sampleJob } from '../support/sample-job.ts'
import { SECRETS } from '../support/with-worker.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const OWN_URLS = { publicUrl: 'https://192.0.2.1:8443', mediaUrl: 'http://192.0.2.2', caPem: null }
const SERVER = {
  serial: 'SN1',
  uuid: null,
  bmc: { url: 'https://192.0.2.7', username: 'u', password: 'hunter2', verifyTls: false },
  vendor: null,
  network: null,
  createdAt: new Date(0),
}

/** The task medium as a controller makes it that has just been started. */
async function taskIso(job: Job): Promise<Buffer> {
  const media = jobMedia({ ownUrls: OWN_URLS, secrets: SECRETS, taskKey: privateKey })
  const plan = media.plan(job, SERVER)
  return Buffer.concat(await Array.fromAsync(readIso(plan, 0, plan.size)))
}

test('the same recipe and job give a byte-identical task ISO after a restart', async () => {
  expect((await taskIso(sampleJob())).equals(await taskIso(sampleJob()))).toBe(true)
})

test('a job whose recipe was taken before a rule was made has its medium', async () => {
  expect(() => parseRecipe(REFUSED_TODAY)).toThrow('one problem')
  const recipeText = JSON.stringify(REFUSED_TODAY)
  expect((await taskIso(sampleJob({ recipeText }))).includes(recipeText)).toBe(true)
})

test('another attempt gives another medium, and the BMC password is on none', async () => {
  const first = await taskIso(sampleJob())
  expect(first.equals(await taskIso(sampleJob({ attempt: 2 })))).toBe(false)
  expect(first.includes('hunter2')).toBe(false)
})

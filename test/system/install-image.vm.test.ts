import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { labScratch } from '../lab/cache.ts'
import type { Site } from '../lab/site.ts'
import { startSite } from '../lab/site.ts'

const MINUTE = 60_000

let directory = ''
let site: Site

beforeAll(async () => {
  directory = await labScratch('test-image')
  site = await startSite(directory, () => undefined)
}, 15 * MINUTE)

afterAll(async () => {
  await site?.close()
  await rm(directory, { recursive: true, force: true })
})

test('a whole-disk image is written, read back, grown, and boots with the hostname of its user-data and the file of its recipe', {
  timeout: 25 * MINUTE,
}, async () => {
  const id = await site.createJob({
    task_target: 'install-image.target',
    disk_selector: { bus: 'virtio' },
    oci_url: await site.pushDiskImage(),
    require_empty: true,
    verify: { read_back: true },
    grow_last_partition: true,
    files: [{ path: '/etc/issue', content: 'late-binding-works\n\\n \\l\n' }],
    user_data: '#cloud-config\nhostname: imaged-by-recipe\n',
  })
  const job = await site.until(id, ({ status }) => status === 'complete', 12 * MINUTE)
  expect(job, job.message ?? '').toMatchObject({ outcome: 'success', failed_step: null })
  const messages = job.events.map(({ message }) => message)
  expect(messages).toEqual(expect.arrayContaining(['running:image-disk', 'running:config-drive', 'succeeded']))
  expect(
    messages.filter((message) => /^erasing \/dev\/vda \(4\.0 GiB, virtio, serial \S+\)$/.test(message)),
  ).toHaveLength(1)
  await site.vm.waitForConsole(/late-binding-works[\s\S]*imaged-by-recipe login:/, 8 * MINUTE)
})

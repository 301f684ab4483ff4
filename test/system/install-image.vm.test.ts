import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testSite } from '../lab/test-site.ts'

const MINUTE = 60_000

/** QEMU's first card, and an address that QEMU's DHCP would not give. */
const PLAN = { mac: '52:54:00:12:34:56', addresses: ['10.0.2.77/24'], gateway: '10.0.2.2', dns: ['10.0.2.3'] }

const lab = testSite('image', { network: PLAN, embedTools: false })

test('over a static address, with a tool image from the controller, a whole-disk image is written, read back, grown, and boots with the hostname of its user-data and the file of its recipe', {
  timeout: 30 * MINUTE,
}, async () => {
  const id = await lab.site.createJob({
    task_target: 'install-image.target',
    disk_selector: { bus: 'virtio' },
    oci_url: await lab.site.pushDiskImage(),
    require_empty: true,
    verify: { read_back: true },
    grow_last_partition: true,
    files: [{ path: '/etc/issue', content: 'late-binding-works\n\\n \\l\n' }],
    user_data: '#cloud-config\nhostname: imaged-by-recipe\n',
  })
  const job = await lab.site.until(id, ({ status }) => status === 'complete', 20 * MINUTE)
  expect(job, job.message ?? '').toMatchObject({ outcome: 'success', failed_step: null })
  const messages = job.events.map(({ message }) => message)
  expect(messages).toEqual(expect.arrayContaining(['running:image-disk', 'running:config-drive', 'succeeded']))
  expect(
    messages.filter((message) => /^erasing \/dev\/vda \(4\.0 GiB, virtio, serial \S+\)$/.test(message)),
  ).toHaveLength(1)
  const journal = (await lab.site.controller.run(['job', 'logs', id])).stdout
  expect(journal).toContain('static network: 10.0.2.77/24 on 52:54:00:12:34:56')
  expect(journal).toContain('"pulled": true')
  // What the screen of the server has shown.
  const consoles = await readFile(join(lab.directory, 'console.log'), 'utf8')
  expect(consoles).toMatch(/PROVISIONING SUCCEEDED[\s\S]*addresses {3}\S+ 10\.0\.2\.77\/24\s*\n/)
  await lab.site.vm.waitForConsole(/late-binding-works[\s\S]*imaged-by-recipe login:/, 8 * MINUTE)
})

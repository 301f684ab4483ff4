import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { linuxRecipe } from '../lab/site.ts'
import { testSite } from '../lab/test-site.ts'

const MINUTE = 60_000
const MIB = 1 << 20

const lab = testSite('no-network', { card: false })

/** Both ends of the disk, where everything begins that an installation writes, and how much of the sparse file is there. */
async function disk() {
  const path = join(lab.directory, 'disk.raw')
  await using file = await open(path)
  const { size, blocks } = await stat(path)
  const ends = await Promise.all([0, size - MIB].map((at) => file.read(Buffer.alloc(MIB), 0, MIB, at)))
  return { blocks, ends: Buffer.concat(ends.map(({ buffer }) => buffer)) }
}

async function fill(): Promise<void> {
  await using file = await open(join(lab.directory, 'disk.raw'), 'r+')
  const { size } = await file.stat()
  for (const at of [0, size - MIB]) await file.write(Buffer.alloc(MIB, 'old data'), 0, MIB, at)
}

test('without any network the task is found and checked, its steps begin, the screen says what is wrong, and the disk is as it was', {
  timeout: 10 * MINUTE,
}, async () => {
  await fill()
  const before = await disk()
  const id = await lab.site.createJob(linuxRecipe(`oci://${lab.site.controller.registryHost}/os/debian:13`))
  const shows = (pattern: RegExp) => lab.site.vm.waitForConsole(pattern, 8 * MINUTE)
  await shows(new RegExp(`THIS SERVER IS BEING PROVISIONED[\\s\\S]*job +${id}[\\s\\S]*addresses +none`))
  // It runs in the tool image, which is in the medium; this says what is wrong, and the last notice what can be done about it.
  await shows(
    /PROVISIONING FAILED in partition\.service[\s\S]*Cannot reach the registry .*ENETUNREACH[\s\S]*addresses +none/,
  )
  await shows(/partition\.service, and the controller cannot be told[\s\S]*what to do +Check cable, address and route/)
  await lab.site.vm.stop()
  const after = await disk()
  expect(after.ends.equals(before.ends)).toBe(true)
  expect(after.blocks).toBe(before.blocks)
})

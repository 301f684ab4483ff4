import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sha256 } from '../../src/shared/digest.ts'
import type { SeenFailure } from '../assets/failures/case.ts'
import { MEMORY_CASES } from '../assets/failures/memory-cases.ts'
import { STEP_IMAGE } from '../lab/maintenance.ts'
import { linuxRecipe } from '../lab/site.ts'
import { testSite } from '../lab/test-site.ts'

const MINUTE = 60_000
const lab = testSite('memory', { change: (context) => hunger(join(context, 'assets/quadlets/partition.container')) })

/** tail keeps the last lines, and /dev/zero has no other. podman needs some 50 MiB for itself. */
async function hunger(quadlet: string): Promise<void> {
  const text = await readFile(quadlet, 'utf8')
  const hungry = text.replace(/^Exec=.*$/m, 'Exec=tail /dev/zero').replace('[Service]\n', '[Service]\nMemoryMax=256M\n')
  await writeFile(quadlet, hungry)
}

/** The failures that are tried in a VM; all others are on a systemd in nspawn (docs/failures.md). */
async function fails(recipe: object, { unit, says }: SeenFailure): Promise<string> {
  const id = await lab.site.createJob(recipe)
  const job = await lab.site.until(id, ({ status }) => status === 'complete', 8 * MINUTE)
  expect(job).toMatchObject({ outcome: 'failed', failed_step: unit })
  for (const line of says) expect(job.message).toContain(line)
  expect(lab.site.vm.power()).toBe('off')
  return (await lab.site.controller.run(['job', 'logs', id])).stdout
}

test(`${MEMORY_CASES.quadlet.when}: systemd's reason is reported, and not the exit code that podman makes of it`, {
  timeout: 10 * MINUTE,
}, async () => {
  const reference = `oci://${lab.site.controller.registryHost}/os/debian:13`
  const journal = await fails(linuxRecipe(reference), MEMORY_CASES.quadlet)
  expect(journal).toMatch(/Memory cgroup out of memory: Killed process \d+ \(tail\)/)
})

test(`${MEMORY_CASES.tool.when}: the tool is ended, and the rest of the OS reports it`, {
  timeout: 10 * MINUTE,
}, async () => {
  const { sha256: digest, url } = await pushFirmware()
  const tool = { image: `oci://${STEP_IMAGE}`, arguments: ['tail', '{file}', '/dev/zero'] }
  const recipe = { firmware_url: url, firmware_sha256: digest, firmware_tool: tool }
  const journal = await fails({ task_target: 'firmware-update.target', ...recipe }, MEMORY_CASES.tool)
  expect(journal).toMatch(/Out of memory: Killed process \d+ \(tail\)/)
})

async function pushFirmware() {
  const [file, login] = [join(lab.directory, 'bios.bin'), join(lab.directory, 'registry-password')]
  await writeFile(file, 'the new firmware\n')
  await writeFile(login, lab.site.controller.token, { mode: 0o600 })
  const name = 'firmware/bios:1'
  const { host } = new URL(lab.site.controller.url)
  const access = ['--username', 'lab', '--password-file', login]
  const pushed = await lab.site.controller.run(['artifact', 'push', ...access, file, `oci://${host}/${name}`])
  expect(pushed.code, pushed.stderr).toBe(0)
  return { url: `oci://${lab.site.controller.registryHost}/${name}`, sha256: sha256('the new firmware\n').slice(7) }
}

import { beforeAll, expect, test } from 'vitest'
import { TOOL_IMAGE } from '../../src/shared/task/tool-image.ts'
import { type Answers, artifact, busyboxImage, sha256 } from './boot/artifacts.ts'
import { BOOT_MS, bootUnits, OUR_PROGRAM, REGISTRY_HOST, type Scenario } from './boot/boot.ts'
import { LINUX_STEPS } from './failures/case.ts'

/** The steps that start containers themselves, with a real podman that pulls from the receiver. */
const FIRMWARE = Buffer.from('the new firmware\n')
const RECIPE = {
  task_target: 'supermicro-update.target',
  firmware_url: `oci://${REGISTRY_HOST}/firmware/bios:1`,
  firmware_sha256: sha256(FIRMWARE).slice('sha256:'.length),
}
let registry: Answers

beforeAll(async () => {
  registry = { ...(await busyboxImage('vendor/tool', '2')), ...artifact('firmware/bios', '1', FIRMWARE) }
})

/** A vendor's tool is a shell script here; it gets the file as its first argument. */
function update(script: string, change: object = {}): Promise<Awaited<ReturnType<typeof bootUnits>>> {
  const tool = { image: `oci://${REGISTRY_HOST}/vendor/tool:2`, arguments: ['/bin/sh', '-c', script, 'tool', '{file}'] }
  // Undefined fields are not in the JSON on the medium.
  const linux = { target_disk: undefined, oci_url: undefined, partition_layout: undefined, user_data: undefined }
  const scenario: Scenario = {
    recipe: { ...linux, ...RECIPE, firmware_tool: tool, ...change },
    steps: { 'vendor-firmware': OUR_PROGRAM },
    registry,
  }
  return bootUnits(['vendor-firmware'], scenario)
}

test.concurrent("firmware is given to the vendor's tool, which cannot change it; its output is kept and its end is the result", {
  timeout: BOOT_MS,
}, async () => {
  const { reports, collected, journal } = await update(
    'read line <"$1"; echo "flashing $line"; echo x >"$1" || echo kept',
  )
  expect(reports, journal).toMatchObject([{ status: 'success', task_target: 'supermicro-update.target' }])
  expect(collected[0]).toContain('[firmware] flashing the new firmware')
  expect(collected[0]).toContain('"flashing the new firmware"')
  expect(collected[0]).toContain('"kept"')
})

test.concurrent.for<[string, string, object, string[]]>([
  [
    'the tool fails',
    'echo "no such board"; exit 7',
    {},
    ['no such board', 'Cannot finish "podman": it ended with exit code 7'],
  ],
  [
    'the file is another one',
    'true',
    { firmware_sha256: '0'.repeat(64) },
    [`the recipe demands sha256 ${'0'.repeat(64)}`],
  ],
  ['there is no such file', 'true', { firmware_url: `oci://${REGISTRY_HOST}/firmware/bios:2` }, ['404']],
])('when %s, the update fails', { timeout: BOOT_MS }, async ([, script, change, words]) => {
  const { reports, journal } = await update(script, change)
  expect(reports, journal).toMatchObject([{ status: 'failed', failed_step: 'vendor-firmware.service' }])
  for (const word of words) expect(reports[0]?.message).toContain(word)
})

test.concurrent('a tool image that is not in the medium is pulled from the controller, and the steps find it', {
  timeout: BOOT_MS,
}, async () => {
  const { reports, collected, journal } = await bootUnits(LINUX_STEPS, {
    steps: {
      'tool-image': OUR_PROGRAM,
      partition: `exec podman run --rm --pull=never --privileged --network=host ${TOOL_IMAGE} /bin/sh -c 'echo I am busybox'`,
    },
    registry: await busyboxImage('provisioner-tools', '1'),
  })
  expect(reports, journal).toMatchObject([{ status: 'success' }])
  expect(collected[0]).toContain('I am busybox')
  expect(collected[0]).toContain('"pulled": true')
})

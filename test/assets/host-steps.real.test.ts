import { expect, test } from 'vitest'
import { TOOL_IMAGE } from '../../src/shared/task/tool-image.ts'
import { BOOT_MS, bootUnits, OUR_PROGRAM } from './boot/boot.ts'
import { FIRMWARE_STEPS, LINUX_STEPS } from './failures/case.ts'
import { update } from './failures/firmware-cases.ts'

// The steps that start containers themselves, with a real podman that pulls from the receiver; how they fail: failures.real.test.ts.

test.concurrent("firmware is given to the vendor's tool, which cannot change it; its output is kept and its end is the result", {
  timeout: BOOT_MS,
}, async () => {
  const script = 'read line <"$1"; echo "flashing $line"; echo x >"$1" || echo kept'
  const scenario = update(script, { recipe: { task_target: 'supermicro-update.target' } })
  const { reports, collected, journal } = await bootUnits(FIRMWARE_STEPS, {
    ...scenario,
    steps: { 'vendor-firmware': OUR_PROGRAM },
  })
  expect(reports, journal).toMatchObject([{ status: 'success', task_target: 'supermicro-update.target' }])
  expect(collected[0]).toContain('[firmware] flashing the new firmware')
  expect(collected[0]).toContain('"flashing the new firmware"')
  expect(collected[0]).toContain('"kept"')
})

test.concurrent('a tool image that is not in the medium is pulled from the controller, and the steps find it', {
  timeout: BOOT_MS,
}, async () => {
  const { reports, collected, journal } = await bootUnits(LINUX_STEPS, {
    steps: {
      'tool-image': OUR_PROGRAM,
      partition: `exec podman run --rm --pull=never --privileged --network=host ${TOOL_IMAGE} /bin/sh -c 'echo I am busybox'`,
    },
    busybox: ['provisioner-tools:1'],
  })
  expect(reports, journal).toMatchObject([{ status: 'success' }])
  expect(collected[0]).toContain('I am busybox')
  expect(collected[0]).toContain('"pulled": true')
})

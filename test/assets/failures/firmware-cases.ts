import { artifact, sha256 } from '../boot/artifacts.ts'
import { REGISTRY_HOST, type Scenario } from '../boot/boot.ts'
import { type FailureCase, FIRMWARE_STEPS, failing } from './case.ts'

export const FIRMWARE = Buffer.from('the new firmware\n')

/** An update whose vendor's tool is a shell script; it gets the file as its first argument. */
export function update(script: string, { recipe, ...more }: Scenario = {}): Scenario {
  const tool = { image: `oci://${REGISTRY_HOST}/vendor/tool:2`, arguments: ['/bin/sh', '-c', script, 'tool', '{file}'] }
  // Undefined fields are not in the JSON on the medium.
  const linux = { target_disk: undefined, oci_url: undefined, partition_layout: undefined, user_data: undefined }
  const firmware = {
    task_target: 'firmware-update.target',
    firmware_url: `oci://${REGISTRY_HOST}/firmware/bios:1`,
    firmware_sha256: sha256(FIRMWARE).slice('sha256:'.length),
    firmware_tool: tool,
  }
  return {
    ...more,
    recipe: { ...linux, ...firmware, ...recipe },
    busybox: ['vendor/tool:2'],
    registry: artifact('firmware/bios', '1', FIRMWARE),
  }
}

/** Neither it nor what it has started ends when it is asked to. */
const STUBBORN = `trap '' TERM; while :; do sleep 1; done & while :; do sleep 1; done`

export const FIRMWARE_CASES: readonly FailureCase[] = [
  vendorFirmware("the vendor's tool fails", update('echo "no such board"; exit 7'), [
    'Cannot finish "podman": it ended with exit code 7',
    'no such board',
  ]),
  vendorFirmware(
    "the vendor's tool does not end in time, not even when it is asked to",
    { ...update(STUBBORN), service: { 'vendor-firmware': 'TimeoutStartSec=30\nTimeoutStopSec=2' } },
    ['vendor-firmware.service was ended: it took longer than its limit of 30s', '(sleep) with signal SIGKILL'],
  ),
  vendorFirmware(
    'the firmware is not what the recipe demands',
    update('true', { recipe: { firmware_sha256: '0'.repeat(64) } }),
    [`the recipe demands sha256 ${'0'.repeat(64)}`],
  ),
  vendorFirmware(
    'there is no such firmware',
    update('true', { recipe: { firmware_url: `oci://${REGISTRY_HOST}/firmware/bios:2` } }),
    ['404'],
  ),
  vendorFirmware('the registry is gone in the middle of the firmware', update('true', { cut: true }), [
    'connect ECONNREFUSED 127.0.0.1:8098',
  ]),
]

function vendorFirmware(when: string, scenario: Scenario, says: readonly string[]): FailureCase {
  return failing(FIRMWARE_STEPS, 'vendor-firmware', `vendor-firmware runs and ${when}`, scenario, says)
}

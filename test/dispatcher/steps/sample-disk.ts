import type { Disk } from '../../../src/dispatcher/steps/disk.ts'

/** A virtual disk of 4 GiB. */
export const SAMPLE_DISK: Disk = {
  name: 'vda',
  kernelNames: ['vda'],
  path: '/dev/vda',
  bytes: 4 * 1024 ** 3,
  sectorBytes: 512,
  serial: undefined,
  wwn: undefined,
  model: undefined,
  bus: 'virtio',
  removable: false,
  readOnly: false,
}

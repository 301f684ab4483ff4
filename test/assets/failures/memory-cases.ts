import type { SeenFailure } from './case.ts'

const USED_UP = "was ended: the server's memory is used up"

/** Memory that runs out needs a kernel whose memory controller systemd has: a virtual machine, no container. */
export const MEMORY_CASES = {
  quadlet: {
    when: 'a step in a container needs more memory than its unit may have',
    unit: 'partition.service',
    says: [`partition.service ${USED_UP}`],
  },
  tool: {
    when: "a vendor's tool takes all memory of the server",
    unit: 'vendor-firmware.service',
    says: [`vendor-firmware.service ${USED_UP}`],
  },
} as const satisfies Readonly<Record<string, SeenFailure>>

import type { Gate } from '../../../src/server/http/mount.ts'

/** For endpoints that anyone may call. */
export const NO_GATE: Gate = {
  account: () => Promise.reject(new Error('nobody has an account here')),
  job: () => Promise.reject(new Error('no job has a secret here')),
}

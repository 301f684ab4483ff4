import type { NetworkPlan } from '../shared/task/job-file.ts'

/** A server as the API takes it. */
export interface NewServer {
  readonly serial: string
  readonly bmc_url: string
  readonly bmc_username: string
  readonly bmc_password: string
  readonly verify_tls?: boolean
  readonly uuid?: string
  readonly vendor?: string
  readonly network?: NetworkPlan
}

/** As `server add` and `server set` take it. */
export const VERIFY_TLS = {
  value: 'yes|no',
  values: ['yes', 'no'],
  twin: false,
  doc: "Whether a trusted CA must have signed the BMC's certificate",
} as const

/** A BMC that the controller simulates. */
export function simulatedBmc(name: string) {
  return { bmc_url: `simulate:${name}`, bmc_username: 'simulated', bmc_password: 'simulated' }
}

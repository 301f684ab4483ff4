import { readFile } from 'node:fs/promises'
import { AppError } from '../shared/errors.ts'

/** A server as the API takes it. */
export interface NewServer {
  readonly serial: string
  readonly bmc_url: string
  readonly bmc_username: string
  readonly bmc_password: string
  readonly verify_tls?: boolean
  readonly uuid?: string
  readonly vendor?: string
}

/** The password in a file, without the line end that editors put there. @throws `request-invalid` */
export async function readPassword(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('request-invalid', `Cannot read the password file "${file}"`, { cause })
  })
  return text.replace(/\r?\n$/, '')
}

/** A BMC that the controller simulates. */
export function simulatedBmc(name: string) {
  return { bmc_url: `simulate:${name}`, bmc_username: 'simulated', bmc_password: 'simulated' }
}

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../shared/errors.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import { readText } from './block-devices.ts'

/** What firmware says of a machine (SMBIOS type 1). */
export interface HostIdentity {
  readonly serial: string | undefined
  readonly uuid: string | undefined
}

/** What boards carry whose maker never wrote a serial number. */
const PLACEHOLDER = /^(|0+|none|n\/a|not specified|not applicable|default string|system serial number|to be filled.*)$/i

export async function readIdentity(sys: string): Promise<HostIdentity> {
  const directory = join(sys, 'class', 'dmi', 'id')
  return {
    serial: await readText(join(directory, 'product_serial')),
    uuid: await readText(join(directory, 'product_uuid')),
  }
}

/**
 * Refuses a medium that is meant for another server. The serial number decides; the UUID only where the maker gave none.
 * @throws `serial-mismatch`
 */
export function checkIdentity(wanted: JobFile['server'], host: HostIdentity): void {
  const serial = host.serial?.trim() ?? ''
  if (!PLACEHOLDER.test(serial)) {
    if (serial.toLowerCase() === wanted.serial.trim().toLowerCase()) return
    throw mismatch(`it is for the server "${wanted.serial}", and this one is "${serial}"`)
  }
  if (wanted.uuid !== null && host.uuid?.toLowerCase() === wanted.uuid.toLowerCase()) return
  const state = serial === '' ? 'tells no serial number' : `tells "${serial}" as its serial number`
  throw mismatch(`it is for the server "${wanted.serial}", and the firmware of this one ${state}`)
}

/** The mounts of this process (proc_pid_mountinfo(5)). */
export function readMounts(): Promise<string> {
  return readFile('/proc/self/mountinfo', 'utf8')
}

function mismatch(state: string): AppError {
  return new AppError('serial-mismatch', `Cannot use the task medium: ${state}`)
}

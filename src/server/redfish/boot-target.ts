import { AppError } from '../../shared/errors.ts'
import type { RedfishClient } from './client.ts'
import { readMembers } from './discover.ts'
import { textAt } from './json.ts'
import type { Quirks } from './quirks.ts'

/** "Virtual Optical Drive" of an iDRAC, "iLO Virtual USB CD/DVD ROM". "Generic USB Boot" would be any stick. */
const VIRTUAL_CD = /virtual.*(optical|cd|dvd)/i

export interface BootTarget {
  readonly target: string
  /** The device path that the target `UefiTarget` starts. */
  readonly device?: string
}

/**
 * What starts the virtual CD: the best target that the BMC offers (without a list, the best of all), else the boot option
 * that is one.
 * @throws `redfish-unsupported`
 */
export async function findTarget(
  client: RedfishClient,
  quirks: Quirks,
  offered: readonly string[] | undefined,
  options: string | undefined,
  signal: AbortSignal,
): Promise<BootTarget> {
  if (bestTarget(quirks, offered) === undefined && offered?.includes('UefiTarget')) {
    for (const { body } of await readMembers(client, options, signal)) {
      const device = textAt(body, 'UefiDevicePath')
      if (device !== undefined && VIRTUAL_CD.test(textAt(body, 'DisplayName') ?? ''))
        return { target: 'UefiTarget', device }
    }
  }
  return { target: chooseTarget(quirks, offered) }
}

/** @throws `redfish-unsupported` */
export function chooseTarget(quirks: Quirks, offered: readonly string[] | undefined): string {
  const found = bestTarget(quirks, offered)
  if (found !== undefined) return found
  throw new AppError('redfish-unsupported', `Cannot boot from the virtual CD: the BMC offers ${offered?.join(', ')}`)
}

function bestTarget({ cdBootTargets }: Quirks, offered: readonly string[] | undefined): string | undefined {
  const list = offered === undefined || offered.length === 0 ? undefined : offered
  return cdBootTargets.find((target) => list === undefined || list.includes(target))
}

import { constants } from 'node:os'
import type { Programs } from '../shared/exec.ts'
import { showUnits, type UnitProperties } from './systemctl-show.ts'

/** How a unit's main process ended, as `systemctl show` tells of it. */
export interface UnitEnding {
  /** systemd.service(5), "Result" of $SERVICE_RESULT in systemd.exec(5). */
  readonly result: string
  /** An exit code, or the number of a signal. */
  readonly status: number
  /** As systemd writes it: `1h 30min`. */
  readonly limit: string
}

const PROPERTIES = ['Result', 'ExecMainStatus', 'TimeoutStartUSec'] as const

/** podman's own exit codes (podman-run(1), "Exit Status"). */
const PODMAN_CODES: Readonly<Record<number, string>> = {
  125: 'podman could not start its container',
  126: 'the program of its container cannot be run',
  127: 'its container has no such program',
}

export async function readEnding(unit: string, programs: Programs, signal: AbortSignal): Promise<UnitEnding> {
  const [properties] = await showUnits([unit], PROPERTIES, programs, signal)
  return unitEnding(properties ?? new Map())
}

export function unitEnding(properties: UnitProperties): UnitEnding {
  return {
    result: properties.get('Result') ?? '',
    status: Number(properties.get('ExecMainStatus') ?? 0),
    limit: properties.get('TimeoutStartUSec') ?? '',
  }
}

/** One sentence for the operator: what systemd knows, which the unit's own last lines often do not say. */
export function describeEnding(unit: string, { result, status, limit }: UnitEnding): string {
  switch (result) {
    case 'timeout':
      return `${unit} was ended: it took longer than its limit of ${limit}`
    case 'oom-kill':
      return `${unit} was ended: the server's memory is used up`
    case 'signal':
    case 'core-dump':
      return status === constants.signals.SIGTERM
        ? `${unit} was stopped before it was done`
        : `${unit} was killed by ${signalName(status)}`
    case 'exit-code':
      return `${unit} failed with exit code ${status}${reasonOf(status)}`
    case 'success':
      return `${unit} was stopped before it was done`
    default:
      return `${unit} failed: ${result}`
  }
}

/** Shells and podman tell a death by signal as 128 and its number. */
function reasonOf(status: number): string {
  const known = PODMAN_CODES[status]
  if (known !== undefined) return `: ${known}`
  return status > 128 && status < 160 ? `: its program was killed by ${signalName(status - 128)}` : ''
}

function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number)
  return found?.[0] ?? `signal ${number}`
}

import type { Programs } from '../shared/exec.ts'
import { DISPATCHER_UNIT } from './paths.ts'
import { showUnits, type UnitProperties } from './systemctl-show.ts'

/** One service of the target, as `systemctl show` tells of it. */
export interface UnitState {
  readonly unit: string
  readonly state: string
  /** Microseconds since boot at which its main process ended; 0 when it never ran. */
  readonly exitedAt: number
}

const PROPERTIES = ['Id', 'ActiveState', 'ExecMainExitTimestampMonotonic'] as const

/** The services a target pulls in itself; other units of it are no steps. */
export async function readUnits(target: string, programs: Programs, signal: AbortSignal): Promise<UnitState[]> {
  const tree = await programs.read({ argv: ['systemctl', 'list-dependencies', '--plain', target] }, signal)
  const units = tree
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.endsWith('.service'))
  if (units.length === 0) return []
  return (await showUnits(units, PROPERTIES, programs, signal)).flatMap((properties) => unitState(properties) ?? [])
}

/** Undefined for a unit without a name. */
export function unitState(properties: UnitProperties): UnitState | undefined {
  const unit = properties.get('Id')
  if (unit === undefined) return undefined
  const exitedAt = Number(properties.get('ExecMainExitTimestampMonotonic') ?? 0)
  return { unit, state: properties.get('ActiveState') ?? '', exitedAt }
}

/**
 * The unit that really failed first. A failed step makes those after it fail by dependency without having run, so only
 * `failed` ones count, by the time their process ended; then one that is still starting (it was stopped); then the unit
 * systemd names as the trigger, if it was a single one ($MONITOR_UNIT, systemd.exec(5)); then the dispatcher.
 */
export function failedUnit(units: readonly UnitState[], monitorUnit: string | undefined): string {
  const failed = units.filter(({ state }) => state === 'failed').toSorted((a, b) => a.exitedAt - b.exitedAt)
  const starting = units.find(({ state }) => state === 'activating' || state === 'deactivating')
  const trigger = monitorUnit?.endsWith('.service') ? monitorUnit : undefined
  return failed[0]?.unit ?? starting?.unit ?? trigger ?? DISPATCHER_UNIT
}

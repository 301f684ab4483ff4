import { AppError } from '../shared/errors.ts'
import { FAULTS, type Fault, isFault } from './faults.ts'
import type { Profile } from './profile.ts'
import { DELL } from './profiles/dell.ts'
import { HPE } from './profiles/hpe.ts'
import { LENOVO } from './profiles/lenovo.ts'
import { OTHERS } from './profiles/others.ts'
import { SUPERMICRO } from './profiles/supermicro.ts'

/** Every BMC that can be simulated. */
export const PROFILES: readonly Profile[] = [...DELL, ...HPE, ...LENOVO, ...SUPERMICRO, ...OTHERS]

/**
 * Reads `idrac9` or `idrac9+no-licence+busy`.
 * @throws `request-invalid` naming what there is
 */
export function parseSimulation(text: string): { readonly profile: Profile; readonly faults: ReadonlySet<Fault> } {
  const [name, ...faults] = text.split('+')
  const profile = PROFILES.find((candidate) => candidate.name === name)
  if (profile === undefined) throw unknown(text, `"${name}" is none of ${PROFILES.map((one) => one.name).join(', ')}`)
  const wrong = faults.find((fault) => !isFault(fault))
  if (wrong !== undefined) throw unknown(text, `"${wrong}" is none of ${Object.keys(FAULTS).join(', ')}`)
  return { profile, faults: new Set(faults.filter(isFault)) }
}

function unknown(text: string, why: string): AppError {
  return new AppError('request-invalid', `Cannot simulate "${text}": ${why}`)
}

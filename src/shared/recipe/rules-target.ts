import type { Problem } from '../errors.ts'
import type { Recipe } from './schema.ts'

type Field = Exclude<keyof Recipe, 'recipe_version' | 'task_target' | 'metadata'>

interface Use {
  /** Of each group one must be there. */
  readonly needs: readonly (readonly Field[])[]
  readonly takes: readonly Field[]
}

const DISK = ['target_disk', 'disk_selector'] as const
const ARTIFACT = ['verify', 'require_empty'] as const
const NOCLOUD = ['user_data', 'meta_data', 'network_config'] as const
const FIRMWARE: Use = {
  needs: [['firmware_url'], ['firmware_tool']],
  takes: ['firmware_sha256', 'firmware_signature'],
}

/** What each target cannot do without, and what else it uses. An image may have others, of which nothing is known here. */
const USES: Readonly<Record<string, Use>> = {
  'install-linux.target': {
    needs: [DISK, ['oci_url'], ['partition_layout']],
    takes: [...ARTIFACT, 'files', 'kernel_arguments', ...NOCLOUD],
  },
  'install-image.target': {
    needs: [DISK, ['oci_url']],
    takes: [...ARTIFACT, 'grow_last_partition', 'files', ...NOCLOUD],
  },
  'install-bootc.target': { needs: [DISK, ['oci_url']], takes: [...ARTIFACT, 'kernel_arguments', ...NOCLOUD] },
  'install-windows.target': {
    needs: [DISK, ['oci_url']],
    takes: [...ARTIFACT, 'partition_layout', 'unattend_xml', 'wim_index'],
  },
  'install-esxi.target': { needs: [['ks_cfg']], takes: [] },
  'supermicro-update.target': FIRMWARE,
  'firmware-update.target': FIRMWARE,
}

/** Those that the maintenance image of this version has (assets/units; a test compares). */
export const IMAGE_TARGETS = [
  'firmware-update.target',
  'install-image.target',
  'install-linux.target',
  'supermicro-update.target',
] as const

/** A server that is switched off in the middle of one of these may be lost. */
export function isFirmwareTarget(target: string): boolean {
  return USES[target] === FIRMWARE
}

/** What a target needs is there, and what nobody would carry out does not look as if somebody did. Pure. */
export function checkTarget(recipe: Recipe): Problem[] {
  const { task_target: target } = recipe
  const use = USES[target]
  if (use === undefined) return []
  const isGiven = (field: Field) => recipe[field] !== undefined
  const missing = use.needs
    .filter((group) => !group.some(isGiven))
    .map((group) => {
      const names = group.map((field) => `"${field}"`).join(' or ')
      return { path: `/${group[0]}`, code: 'required', message: `${names} is required for ${target}` }
    })
  const used = fieldsOf(use)
  const unused = [...new Set(Object.values(USES).flatMap(fieldsOf))]
    .filter((field) => isGiven(field) && !used.includes(field))
    .map((field) => {
      const others = Object.keys(USES).filter((name) => fieldsOf(USES[name] ?? use).includes(field))
      return unusedProblem(`/${field}`, target, others)
    })
  if (target === 'install-image.target' || recipe.verify?.read_back === undefined || !used.includes('verify')) {
    return [...missing, ...unused]
  }
  return [...missing, ...unused, unusedProblem('/verify/read_back', target, ['install-image.target'])]
}

function unusedProblem(path: string, target: string, others: readonly string[]): Problem {
  return { path, code: 'unused', message: `is not used by ${target}, only by ${others.join(', ')}` }
}

function fieldsOf({ needs, takes }: Use): Field[] {
  return [...needs.flat(), ...takes]
}

import { parseByteSize } from '../byte-size.ts'
import type { Problem } from '../errors.ts'
import { errorText, problem } from '../errors.ts'
import { firstPart, pointerPart } from '../json-pointer.ts'
import { parseOciReference } from '../oci-reference.ts'
import { checkFirmware } from './rules-firmware.ts'
import { checkFiles, checkVerify } from './rules-image.ts'
import { checkLayout } from './rules-layout.ts'
import { checkTarget } from './rules-target.ts'
import type { Recipe } from './schema.ts'

/** Texts are limited in characters by the schema and in bytes here: media have bytes. */
const BYTE_LIMITS = { unattend_xml: 1024 * 1024, ks_cfg: 256 * 1024, user_data: 1024 * 1024 } as const

/**
 * What a schema cannot say. Pure; every problem at once. `broken`: top-level fields that the schema refuses, as parts of JSON
 * pointers; they are there, and nothing else is known of them.
 */
export function checkRules(recipe: Recipe, broken: ReadonlySet<string> = new Set()): Problem[] {
  const isSound = (name: string) => !broken.has(pointerPart(name))
  const sound = Object.fromEntries(Object.entries(recipe).filter(([name]) => isSound(name))) as unknown as Recipe
  const others = [
    ...checkDisk(sound),
    ...checkSources(sound),
    ...checkTexts(sound),
    ...checkLayout(sound),
    ...checkFirmware(sound),
    ...checkVerify(sound),
    ...checkFiles(sound),
  ]
  return [...(isSound('task_target') ? checkTarget(recipe) : []), ...others].filter(
    ({ path }) => !broken.has(firstPart(path)),
  )
}

function checkDisk(recipe: Recipe): Problem[] {
  const problems: Problem[] = []
  if (recipe.target_disk !== undefined && recipe.disk_selector !== undefined) {
    problems.push(problem('/disk_selector', 'conflict', 'give either "target_disk" or "disk_selector", not both'))
  }
  const { min, max } = recipe.disk_selector?.size ?? {}
  if (min !== undefined && max !== undefined && (parseByteSize(min) ?? 0) > (parseByteSize(max) ?? 0)) {
    problems.push(problem('/disk_selector/size', 'range', `"min" (${min}) is larger than "max" (${max})`))
  }
  return problems
}

function checkSources(recipe: Recipe): Problem[] {
  return (['oci_url', 'firmware_url'] as const).flatMap((field) => {
    const url = recipe[field]
    if (url === undefined) return []
    if (!url.startsWith('oci://')) return checkUrl(field, url)
    try {
      parseOciReference(url)
      return []
    } catch (error) {
      return [problem(`/${field}`, 'reference', errorText(error))]
    }
  })
}

/** It is written to a file without secrets and shown in logs, and units cannot read a value that needs quotes. */
function checkUrl(field: string, url: string): Problem[] {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || /["'\\`]/.test(url)) return [problem(`/${field}`, 'url', 'is no URL without quotes')]
  if (parsed.username === '' && parsed.password === '') return []
  return [problem(`/${field}`, 'secret', 'has a user name or password in it, which would be shown in logs')]
}

function checkTexts(recipe: Recipe): Problem[] {
  return (Object.keys(BYTE_LIMITS) as (keyof typeof BYTE_LIMITS)[])
    .filter((field) => Buffer.byteLength(recipe[field] ?? '') > BYTE_LIMITS[field])
    .map((field) => problem(`/${field}`, 'size', `is larger than ${BYTE_LIMITS[field]} bytes`))
}

import type { Problem } from '../errors.ts'
import { errorText } from '../errors.ts'
import { parseOciReference } from '../oci-reference.ts'
import { parseDigestKey } from '../signing-key.ts'
import type { Recipe } from './schema.ts'

/** Firmware is checked by content before a vendor's tool sees it, and a tool is a definite image. Pure. */
export function checkFirmware(recipe: Recipe): Problem[] {
  const { firmware_url: url, firmware_sha256: sha256, firmware_tool: tool, firmware_signature: signature } = recipe
  const problems: Problem[] = []
  if (url !== undefined && sha256 === undefined && tool !== undefined && !namesContent(url)) {
    const message =
      'is required, or a "firmware_url" with a digest (oci://HOST/NAME@sha256:…): firmware is never used unchecked'
    problems.push({ path: '/firmware_sha256', code: 'required', message })
  }
  if (tool !== undefined) problems.push(...checkTool(tool))
  if (signature !== undefined) problems.push(...checkKey(signature.public_key))
  return problems
}

/** A key that cannot be used is told at the desk, not by a server that has booted for it. */
function checkKey(pem: string): Problem[] {
  try {
    parseDigestKey(pem)
    return []
  } catch (error) {
    return [{ path: '/firmware_signature/public_key', code: 'key', message: errorText(error) }]
  }
}

/** Only an artifact is checked against a digest in its name; what a web server calls its files says nothing. */
function namesContent(url: string): boolean {
  if (!url.startsWith('oci://')) return false
  try {
    return parseOciReference(url).digest !== undefined
  } catch {
    return false
  }
}

function checkTool({ image, arguments: given = [] }: NonNullable<Recipe['firmware_tool']>): Problem[] {
  const problems: Problem[] = []
  try {
    parseOciReference(image)
  } catch (error) {
    problems.push({ path: '/firmware_tool/image', code: 'reference', message: errorText(error) })
  }
  if (!given.some((argument) => argument.includes('{file}'))) {
    const message = 'no argument has "{file}" in it, so the tool would not be told of the firmware'
    problems.push({ path: '/firmware_tool/arguments', code: 'file', message })
  }
  return problems
}

import type { ErrorObject } from 'ajv'
import type { Problem } from '../errors.ts'
import { pointerPart } from '../json-pointer.ts'

/** What an expression means, for people who should not have to read it. Keyed by the last name in the path, or two. */
const EXPECTED: Readonly<Record<string, string>> = {
  task_target: 'a target name such as "install-linux.target"',
  target_disk: 'a whole disk such as "/dev/disk/by-id/…", "/dev/nvme0n1" or "/dev/sda", not a partition',
  path: 'a whole disk such as "/dev/disk/by-id/…", not a partition',
  oci_url: 'an artifact such as "oci://HOST/REPOSITORY:TAG"',
  firmware_url: 'a URL beginning with http://, https:// or oci://',
  size: 'a size such as "512MiB" or "20GiB", or a share such as "100%"',
  type_guid: 'a partition type GUID such as "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"',
  mountpoint: 'an absolute path without "." and ".." such as "/boot/efi"',
  label: 'letters, digits, ".", "_" and "-"',
  firmware_sha256: '64 lower-case hex digits',
  image: 'a container image such as "oci://HOST/REPOSITORY:TAG"',
  public_key: 'a PEM public key ("-----BEGIN PUBLIC KEY-----")',
  signature: 'base64 on one line',
  digest: '"sha256:" and 64 lower-case hex digits',
  'files/path': 'an absolute path of plain names such as "/etc/motd"',
  content_base64: 'base64',
  mode: 'an octal mode such as "0644"',
  owner: 'two numbers such as "0:0"',
}

/** Translates ajv's findings into places and sentences. */
export function schemaProblems(errors: readonly ErrorObject[]): Problem[] {
  // What is wrong with a name is told by `propertyNames`, which comes beside it.
  return errors.filter(({ propertyName }) => propertyName === undefined).map(schemaProblem)
}

function schemaProblem({ keyword, instancePath, params, message }: ErrorObject): Problem {
  const names = instancePath.split('/').filter((part) => !/^[0-9]+$/.test(part))
  const expected = EXPECTED[names.slice(-2).join('/')] ?? EXPECTED[names.at(-1) ?? '']
  const at = (path: string, text: string): Problem => ({ path, code: keyword, message: text })
  const named = (name: string, text: string) => at(`${instancePath}/${pointerPart(name)}`, `"${name}" ${text}`)
  switch (keyword) {
    case 'additionalProperties':
      return named(params['additionalProperty'], 'is not a field of a recipe')
    case 'required':
      return named(params['missingProperty'], 'is required')
    case 'propertyNames':
      return named(params['propertyName'], 'is no name: letters, digits, ".", "_", "/" and "-", up to 63')
    case 'pattern':
      return at(instancePath, `is not ${expected ?? `of the form ${params['pattern']}`}`)
    case 'enum':
      return at(instancePath, `must be one of ${params['allowedValues'].join(', ')}`)
    case 'type':
      return at(instancePath, `must be ${params['type']}`)
    default:
      return at(instancePath, message ?? 'is not valid')
  }
}

import type { ErrorObject } from 'ajv'
import type { Document } from 'yaml'
import { isScalar, LineCounter, parseDocument, visit } from 'yaml'
import type { Problem } from '../errors.ts'
import { AppError } from '../errors.ts'
import { excessOf } from './bounds.ts'
import type { Validate } from './compile.ts'
import { checkRules } from './rules.ts'
import type { Recipe } from './schema.ts'
import { recipeValidator } from './validator.ts'

/** A recipe is texts for one machine; more is a mistake or an attack. */
export const MAX_RECIPE_BYTES = 4 * 1024 * 1024

/** What is no YAML at all is wrong everywhere. */
const MAX_SYNTAX_PROBLEMS = 100

/**
 * Reads a recipe that a controller printed: its text is JSON of ours, so it needs none of the limits for a stranger's YAML,
 * where each quote that JSON escapes counts.
 * @throws `recipe-invalid` when a rule of this version refuses it
 */
export function parsePrintedRecipe(text: string): Recipe {
  return parseRecipe(JSON.parse(text))
}

/**
 * Reads a document written as YAML or JSON (JSON is YAML 1.2), not yet checked. Anchors may not multiply it: that is how a
 * small file becomes a large one.
 * @throws `recipe-invalid` with every problem
 */
export function parseRecipeDocument(text: string): unknown {
  if (Buffer.byteLength(text) > MAX_RECIPE_BYTES) {
    throw new AppError('recipe-invalid', `Cannot read the recipe: it is larger than ${MAX_RECIPE_BYTES} bytes`)
  }
  const excess = excessOf(text)
  if (excess !== undefined) throw new AppError('recipe-invalid', `Cannot read the recipe: ${excess}`)
  const lines = new LineCounter()
  // The library compares every key with every other, and shows for every error the whole line: both may take minutes.
  const options = { uniqueKeys: false, prettyErrors: false, version: '1.2', lineCounter: lines } as const
  const document = parseDocument(text, options)
  const errors = document.errors.slice(0, MAX_SYNTAX_PROBLEMS).map(({ message, pos: [at] }) => {
    const { line, col } = lines.linePos(at)
    return `${message} at line ${line}, column ${col}`
  })
  const messages = [...errors, ...repeatedKeys(document)]
  if (messages.length > 0) {
    const problems = messages.map((message) => ({ path: '', code: 'syntax', message }))
    throw new AppError('recipe-invalid', 'Cannot read the recipe: it is neither YAML nor JSON', { problems })
  }
  try {
    return document.toJS({ maxAliasCount: 20 })
  } catch (cause) {
    throw new AppError('recipe-invalid', 'Cannot read the recipe: it has too many aliases', { cause })
  }
}

/** YAML 1.2.2 section 3.2.1.3: keys of a mapping are unique. */
function repeatedKeys(document: Document.Parsed): string[] {
  const found: string[] = []
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : key
        if (seen.has(name)) found.push(`The key "${name}" is given twice`)
        seen.add(name)
      }
    },
  })
  return found
}

/**
 * Checks a document against the schema and the rules.
 * @throws `recipe-invalid` with every problem and its path
 */
export function parseRecipe(document: unknown, validate: Validate = recipeValidator()): Recipe {
  const problems = validate(document) ? checkRules(document as Recipe) : schemaProblems(validate.errors ?? [])
  if (problems.length > 0) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
    throw new AppError('recipe-invalid', `Cannot use the recipe: it has ${count}`, { problems })
  }
  return document as Recipe
}

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

/** Translates ajv's findings into places and sentences, one for each place. */
export function schemaProblems(errors: readonly ErrorObject[]): Problem[] {
  const problems = new Map<string, Problem>()
  for (const error of errors) {
    const found = schemaProblem(error)
    if (!problems.has(found.path)) problems.set(found.path, found)
  }
  return [...problems.values()]
}

function schemaProblem({ keyword, instancePath, params, message }: ErrorObject): Problem {
  const names = instancePath.split('/').filter((part) => !/^[0-9]+$/.test(part))
  const expected = EXPECTED[names.slice(-2).join('/')] ?? EXPECTED[names.at(-1) ?? '']
  const at = (path: string, text: string): Problem => ({ path, code: keyword, message: text })
  switch (keyword) {
    case 'additionalProperties':
      return at(
        `${instancePath}/${params['additionalProperty']}`,
        `"${params['additionalProperty']}" is not a field of a recipe`,
      )
    case 'required':
      return at(`${instancePath}/${params['missingProperty']}`, `"${params['missingProperty']}" is required`)
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

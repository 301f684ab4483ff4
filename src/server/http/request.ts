import type { Context } from 'hono'
import { AppError } from '../../shared/errors.ts'
import { parseRecipeDocument } from '../../shared/recipe/parse.ts'

/** Reads a body of at most `limit` bytes. @throws `size-exceeded` */
export async function readBody(c: Context, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (c.req.raw.body === null) return Buffer.alloc(0)
  for await (const chunk of c.req.raw.body) {
    size += chunk.byteLength
    if (size > limit)
      throw new AppError('size-exceeded', `Cannot read the request: its body is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Reads a JSON body. @throws `request-invalid` */
export async function readJson(c: Context, limit: number): Promise<unknown> {
  const body = await readBody(c, limit)
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new AppError('request-invalid', 'Cannot read the request: its body is not JSON', { cause })
  }
}

/** Reads a document that may be JSON or, by its content type, YAML. */
export async function readDocument(c: Context, limit: number): Promise<unknown> {
  const type = c.req.header('content-type') ?? ''
  if (!/\byaml\b/.test(type)) return readJson(c, limit)
  return parseRecipeDocument((await readBody(c, limit)).toString('utf8'))
}

/** The named members of an object body. @throws `request-invalid` naming what is missing, wrong or unknown, all at once */
export function readFields<K extends string>(
  body: unknown,
  fields: Readonly<Record<K, FieldRule>>,
): Record<K, unknown> {
  const object =
    typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : undefined
  if (object === undefined)
    throw new AppError('request-invalid', 'Cannot read the request: its body is not a JSON object')
  const problems = Object.keys(object)
    .filter((name) => !(name in fields))
    .map((name) => ({ path: `/${name}`, code: 'unknown', message: `"${name}" is not a field of this request` }))
  for (const [name, rule] of Object.entries<FieldRule>(fields)) {
    const value = object[name]
    if (value === undefined || value === null) {
      if (rule.required) problems.push({ path: `/${name}`, code: 'required', message: `"${name}" is required` })
    } else if (!rule.check(value)) {
      problems.push({ path: `/${name}`, code: 'type', message: `"${name}" must be ${rule.expected}` })
    }
  }
  if (problems.length > 0)
    throw new AppError('request-invalid', 'Cannot use the request: its fields are wrong', { problems })
  return object as Record<K, unknown>
}

export interface FieldRule {
  readonly required: boolean
  readonly expected: string
  check(value: unknown): boolean
}

export function textField(required: boolean, pattern = /^[^\0]{1,4096}$/s, expected = 'a text'): FieldRule {
  return { required, expected, check: (value) => typeof value === 'string' && pattern.test(value) }
}

export function anyField(required: boolean): FieldRule {
  return { required, expected: 'a value', check: () => true }
}

import type { Context } from 'hono'
import { AppError } from '../../shared/errors.ts'
import { parseRecipeDocument } from '../../shared/recipe/parse.ts'
import type { BodySpec } from './endpoint.ts'

/** A log of 8 MiB over a slow line takes a minute. A body that drips longer only holds its connection. */
const BODY_MS = 120_000

/** Reads a body of at most `limit` bytes. @throws `size-exceeded`, `request-timeout` */
export async function readBody(c: Context, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (c.req.raw.body === null) return Buffer.alloc(0)
  const late = performance.now() + BODY_MS
  for await (const chunk of c.req.raw.body) {
    if (performance.now() > late) throw new AppError('request-timeout', 'Cannot read the request: its body is too slow')
    size += chunk.byteLength
    if (size > limit)
      throw new AppError('size-exceeded', `Cannot read the request: its body is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A type that is given must be one of the row's. @throws `media-type` */
export function checkMediaType(c: Context, { types }: BodySpec): void {
  const given = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (given === undefined || types.some((type) => type === given)) return
  if (/[/+](x-)?yaml$/.test(given) && types.includes('application/yaml')) return
  throw new AppError('media-type', `Cannot read "${given.slice(0, 100)}": the body must be ${types.join(' or ')}`)
}

/** The body as the media type says, not yet checked: text, YAML or JSON. @throws `request-invalid`, `recipe-invalid`, `size-exceeded` */
export async function readRequestBody(c: Context, { types, limit }: BodySpec): Promise<unknown> {
  const text = (await readBody(c, limit)).toString('utf8')
  if (types[0] === 'text/plain') return text
  const isYaml = types.includes('application/yaml') && /\byaml\b/.test(c.req.header('content-type') ?? '')
  if (isYaml) return parseRecipeDocument(text)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('request-invalid', 'Cannot read the request: its body is not JSON', { cause })
  }
}

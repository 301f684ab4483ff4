import type { Context } from 'hono'
import { AppError } from '../../shared/errors.ts'
import { parseRecipeDocument } from '../../shared/recipe/parse.ts'
import type { BodySpec } from './endpoint.ts'

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

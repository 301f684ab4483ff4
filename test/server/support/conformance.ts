import { Ajv } from 'ajv'
import type { Hono } from 'hono'
import { FORMATS } from '../../../src/server/http/formats.ts'

interface Operation {
  readonly operationId: string
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

/** What was asked of the server in a test, compared with its own document. */
export interface Conformance {
  /** Where an answer is not what the document says. */
  readonly deviations: string[]
  /** Status codes seen, by operation. */
  readonly seen: Map<string, Set<number>>
  check(method: string, path: string, answer: Response): Promise<void>
}

const ORIGIN = 'https://document/'

export function conformance(document: OpenApi): Conformance {
  const ajv = new Ajv({ allErrors: true, strict: false, formats: FORMATS })
  ajv.addSchema(closed(document) as object, ORIGIN)
  const deviations: string[] = []
  const seen = new Map<string, Set<number>>()

  function checkBody(where: string, schema: object, body: unknown): void {
    if (Object.keys(schema).length === 0) return
    const validate = ajv.compile(closed(JSON.parse(JSON.stringify(schema).replaceAll('"#/', `"${ORIGIN}#/`))) as object)
    if (!validate(body)) deviations.push(`${where}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`)
  }

  return {
    deviations,
    seen,
    async check(method, path, answer) {
      const operation = operationOf(document, method, path)
      if (operation === undefined) return void deviations.push(`${method} ${path} is in no document`)
      const { operationId } = operation
      seen.set(operationId, (seen.get(operationId) ?? new Set()).add(answer.status))
      const where = `${operationId} ${answer.status}`
      const described = operation.responses[answer.status]
      if (described === undefined) return void deviations.push(`${where} is not described`)
      const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
      const content = described.content ?? {}
      if (method === 'HEAD' || (Object.keys(content).length === 0 && type === '')) return
      const schema = content[type]?.schema
      if (schema === undefined) return void deviations.push(`${where} has the content type "${type}"`)
      const text = await answer.clone().text()
      checkBody(where, schema, /json/.test(type) ? JSON.parse(text) : text)
    },
  }
}

/** The app, every answer of which is compared. */
export function watched(app: Hono, watcher: Conformance): Hono['request'] {
  return (async (path: string, init?: RequestInit) => {
    const answer = await app.request(path, init)
    await watcher.check(init?.method ?? 'GET', path, answer)
    return answer
  }) as Hono['request']
}

/** Concrete paths come before those with parameters, as OpenAPI 3.1 says. */
function operationOf(document: OpenApi, method: string, path: string): Operation | undefined {
  const plain = path.split('?')[0] ?? ''
  const matching = Object.keys(document.paths)
    .filter((template) => new RegExp(`^${template.replace(/\{[a-z_]+\}/g, '[^/]+')}$`).test(plain))
    .sort((a, b) => a.split('{').length - b.split('{').length)
  return document.paths[matching[0] ?? '']?.[method.toLowerCase()]
}

/** A test sees members that nobody described; clients must not mind them. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in copy && 'type' in copy && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy
}

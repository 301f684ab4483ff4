import type { ErrorObject } from 'ajv'
import type { Problem } from '../../shared/errors.ts'
import { AppError } from '../../shared/errors.ts'
import { pointerPart } from '../../shared/json-pointer.ts'
import type { Endpoint } from './endpoint.ts'
import { isOpen } from './endpoint.ts'
import type { Properties, Schema } from './schema.ts'
import { requestValidator } from './validators.ts'

export type RequestPart = 'query' | 'headers' | 'body'
export type RequestSchemas = Readonly<Partial<Record<RequestPart, Schema>>>

/** The parts of an endpoint's request that are validated. Whoever has no account is no person with a typing error: their query is ignored. */
export function requestSchemas({ may, query, headers, body }: Endpoint): RequestSchemas {
  const closed = (properties: Properties): Schema => ({ type: 'object', additionalProperties: false, properties })
  return {
    ...((query !== undefined || !isOpen(may)) && { query: closed(query ?? {}) }),
    ...(headers !== undefined && { headers: closed(headers) }),
    ...(body !== undefined && { body: body.schema }),
  }
}

/**
 * Checks one part of a request, named as `createJob.body`. Problems are named by JSON pointers, those of query and headers
 * below `/query` and `/headers`.
 * @throws `request-invalid` with every problem at once
 */
export function checkPart(name: string, schema: Schema | undefined, value: unknown): void {
  if (schema === undefined) return
  const validate = requestValidator(name, schema)
  if (validate(value)) return
  const part = name.split('.')[1] as RequestPart
  const root = part === 'body' ? '' : `/${part}`
  const problems = (validate.errors ?? [])
    .filter(({ keyword }) => keyword !== 'if')
    .map((error) => problemOf(error, schema, root))
  const what = { body: 'its body is', query: 'its query is', headers: 'its headers are' }[part]
  throw new AppError('request-invalid', `Cannot use the request: ${what} not valid`, { problems })
}

/** Parameters of a query and headers are texts; those that stand for numbers and truths become them. */
export function fromText(properties: Properties, values: Readonly<Record<string, string | readonly string[]>>) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const type = properties[name]?.type
      if (type === 'integer' && typeof value === 'string' && /^-?[0-9]{1,15}$/.test(value)) return [name, Number(value)]
      return [name, type === 'boolean' && (value === 'true' || value === 'false') ? value === 'true' : value]
    }),
  )
}

function problemOf(error: ErrorObject, schema: Schema, root: string): Problem {
  const { keyword, instancePath, params, message } = error
  const at = root + instancePath
  switch (keyword) {
    case 'additionalProperties': {
      const name = String(params['additionalProperty'])
      return { path: `${at}/${pointerPart(name)}`, code: keyword, message: `"${name}" is not a field of this request` }
    }
    case 'required': {
      const name = String(params['missingProperty'])
      return { path: `${at}/${pointerPart(name)}`, code: keyword, message: `"${name}" is required` }
    }
    case 'enum':
      return { path: at, code: keyword, message: `must be one of ${params['allowedValues'].join(', ')}` }
    default: {
      const expected = descriptionAt(schema, error.schemaPath)
      return {
        path: at,
        code: keyword,
        message: expected === undefined ? (message ?? 'is not valid') : `must be ${expected}`,
      }
    }
  }
}

/** What the schema says of the value whose keyword failed: `#/properties/serial/pattern` leads to the description of `serial`. */
function descriptionAt(schema: Schema, schemaPath: string): string | undefined {
  let at: unknown = schema
  for (const name of schemaPath.split('/').slice(1, -1)) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Record<string, unknown>)[name.replaceAll('~1', '/').replaceAll('~0', '~')]
  }
  return (at as Schema | undefined)?.description
}

import type { ErrorCode } from '../../shared/errors.ts'
import { ERRORS } from '../../shared/errors.ts'
import { SECRET_HEADER } from '../../shared/task/job-file.ts'
import type { Access, AnswerSpec, Endpoint, Endpoints } from './endpoint.ts'
import { isOpen } from './endpoint.ts'
import { STATUS } from './problem.ts'
import type { Properties, Schema } from './schema.ts'

type Json = Record<string, unknown>

export interface DocumentParts {
  readonly version: string
  readonly endpoints: Endpoints
  readonly problem: Schema
  /** Schemas that stand for a placeholder with their name as title. */
  readonly components: Readonly<Record<string, unknown>>
}

/** Codes that follow from an endpoint's row itself. */
export function errorsOf({ may, query, headers, body, errors = [] }: Endpoint): readonly ErrorCode[] {
  const own: ErrorCode[] = []
  if (may !== 'anyone') own.push('unauthenticated')
  if (may === 'operator' || may === 'admin') own.push('forbidden')
  if (!isOpen(may)) own.push('rate-limited')
  if (!isOpen(may) && body !== undefined) own.push('media-type')
  if (!isOpen(may) || query !== undefined || headers !== undefined || body !== undefined) own.push('request-invalid')
  if (body !== undefined) own.push('size-exceeded', 'request-timeout')
  return [...new Set([...own, ...errors])]
}

/** The OpenAPI 3.1 document of the endpoints: the same rows that are registered and checked. */
export function openApiDocument({ version, endpoints, problem, components }: DocumentParts): Json {
  const named = new Map<string, unknown>(Object.entries(components))
  const paths: Record<string, Json> = {}
  for (const [name, endpoint] of Object.entries(endpoints)) {
    const path = paths[endpoint.path] ?? {}
    paths[endpoint.path] = path
    path[endpoint.method.toLowerCase()] = operation(name, endpoint, problem, named)
    if (endpoint.head)
      path['head'] = operation(`${name}Head`, { ...endpoint, answers: withoutContent(endpoint) }, problem, named)
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'provisioner',
      version,
      summary: 'The controller: servers, jobs and what they need',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic' },
        jobSecret: { type: 'apiKey', in: 'header', name: SECRET_HEADER },
      },
    },
  }
}

const SECURITY: Readonly<Record<Access, readonly Json[]>> = {
  anyone: [],
  job: [{ jobSecret: [] }],
  reader: [{ bearer: [] }, { basic: [] }],
  operator: [{ bearer: [] }, { basic: [] }],
  admin: [{ bearer: [] }, { basic: [] }],
}

const WHO: Readonly<Record<Access, string>> = {
  anyone: 'Needs no account.',
  job: `Needs the secret of the job in ${SECRET_HEADER}.`,
  reader: 'Needs the role reader.',
  operator: 'Needs the role operator.',
  admin: 'Needs the role admin.',
}

function operation(name: string, endpoint: Endpoint, problem: Schema, named: Map<string, unknown>): Json {
  const { path, may, summary, description, query = {}, headers = {}, body, answers } = endpoint
  const inPath = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, param = '']) => [param, { type: 'string' }] as const)
  const parameters = [
    ...inPath.map(([param, schema]) => ({ name: param, in: 'path', required: true, schema })),
    ...parametersOf('query', query, named),
    ...parametersOf('header', headers, named),
  ]
  return {
    operationId: name,
    summary,
    description: [description, WHO[may]].filter((text) => text !== undefined).join(' '),
    'x-access': may,
    security: SECURITY[may],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: {
        required: true,
        content: contentOf(Object.fromEntries(body.types.map((type) => [type, body.schema])), named),
      },
    }),
    responses: { ...answersOf(answers, named), ...problemsOf(errorsOf(endpoint), problem, named) },
  }
}

function parametersOf(place: 'query' | 'header', properties: Properties, named: Map<string, unknown>): Json[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: place,
    ...(schema.description !== undefined && { description: schema.description }),
    schema: hoist(schema, named),
  }))
}

function answersOf(answers: Readonly<Record<number, AnswerSpec>>, named: Map<string, unknown>): Json {
  const rows = Object.entries(answers).map(([status, { description, content }]) => [
    status,
    { description, ...(Object.keys(content).length > 0 && { content: contentOf(content, named) }) },
  ])
  return Object.fromEntries(rows)
}

function problemsOf(codes: readonly ErrorCode[], problem: Schema, named: Map<string, unknown>): Json {
  const answers: Record<string, Json> = {}
  for (const [status, group] of Map.groupBy([...codes, ...(['internal'] as const)], statusOf)) {
    const titles = group.map((code) => `\`${code}\`: ${ERRORS[code].title}`)
    answers[status] = {
      description: titles.join('; '),
      content: contentOf({ 'application/problem+json': problem }, named),
    }
  }
  return answers
}

function statusOf(code: ErrorCode): number {
  return STATUS[ERRORS[code].kind]
}

function contentOf(content: Readonly<Record<string, Schema>>, named: Map<string, unknown>): Json {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema: hoist(schema, named) }]))
}

function withoutContent({ answers }: Endpoint): Readonly<Record<number, AnswerSpec>> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description }]) => [Number(status), { description, content: {} }]),
  )
}

/** A copy in which every schema that has a title is a reference to a component of that name. */
function hoist(schema: unknown, named: Map<string, unknown>): unknown {
  if (Array.isArray(schema)) return schema.map((item) => hoist(item, named))
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, hoist(value, named)]))
  const { title } = schema as Schema
  if (typeof title !== 'string') return copy
  const { title: _, ...content } = copy
  if (!named.has(title)) named.set(title, content)
  return { $ref: `#/components/schemas/${title}` }
}

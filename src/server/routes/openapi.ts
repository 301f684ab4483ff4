import { RECIPE_SCHEMA } from '../../shared/recipe/schema.ts'
import { VERSION } from '../../shared/version.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { json } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { openApiDocument } from '../http/openapi.ts'
import { PROBLEM } from './schemas.ts'

export const OPENAPI_ENDPOINTS = {
  getOpenApi: {
    method: 'GET',
    path: '/api/v1/openapi.json',
    may: 'anyone',
    summary: 'This document',
    answers: { 200: json('OpenAPI 3.1', { type: 'object' }) },
  },
} as const satisfies Endpoints

/** The document is made once: it is of the program, not of a request. */
export function openApiHandlers(endpoints: Endpoints): Handlers<typeof OPENAPI_ENDPOINTS> {
  let document: Record<string, unknown> | undefined
  return {
    getOpenApi({ reply }) {
      document ??= openApiDocument({ version: VERSION, endpoints, problem: PROBLEM, components: recipeComponents() })
      return reply(200, document)
    },
  }
}

/** The recipe schema, its definitions as components of their own: few tools follow a `$id` within a document. */
function recipeComponents(): Record<string, unknown> {
  const { $schema: _, $id: __, definitions, ...schema } = RECIPE_SCHEMA
  const all = Object.entries({ Recipe: schema, ...prefixed(definitions) })
  return Object.fromEntries(all.map(([name, value]) => [name, rerooted(value)]))
}

const PREFIX = 'Recipe.'

function prefixed(definitions: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(definitions).map(([name, value]) => [`${PREFIX}${name}`, value]))
}

function rerooted(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/definitions/', `"#/components/schemas/${PREFIX}`))
}

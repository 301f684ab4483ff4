import type { ErrorCode } from '../../shared/errors.ts'
import type { Role } from '../../shared/role.ts'
import type { FromSchema, Properties, Schema } from './schema.ts'

/** Who may call: the lowest role that may, the maintenance OS of the job (by its secret), or anybody. */
export type Access = Role | 'job' | 'anyone'

/** Without an account. */
export function isOpen(may: Access): may is 'job' | 'anyone' {
  return may === 'job' || may === 'anyone'
}

/**
 * One endpoint as data: what is registered, checked, and printed into the OpenAPI document. The errors that follow from the
 * row itself (401, 403, a body or query that is not valid) are not listed again.
 */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** In OpenAPI's form: `/api/v1/jobs/{id}`. */
  readonly path: string
  readonly may: Access
  readonly summary: string
  /** What the summary leaves open, in whole sentences. */
  readonly description?: string
  /** Every parameter is optional; an unknown one is refused. */
  readonly query?: Properties
  /** Headers that mean something here, by their names in lower case. */
  readonly headers?: Properties
  readonly body?: BodySpec
  readonly answers: Readonly<Record<number, AnswerSpec>>
  readonly errors?: readonly ErrorCode[]
  /** HEAD is answered too, and worth a word. */
  readonly head?: true
}

export interface BodySpec {
  /** The media types it may have; a body without one is read as the first. */
  readonly types: readonly MediaType[]
  readonly schema: Schema
  /** Bytes. */
  readonly limit: number
}

export type MediaType = 'application/json' | 'application/yaml' | 'text/plain'

export interface AnswerSpec {
  readonly description: string
  /** Content types with what they hold; none for an empty body. */
  readonly content: Readonly<Record<string, Schema>>
}

/** Endpoints by name; the name is the operation's id. */
export type Endpoints = Readonly<Record<string, Endpoint>>

export function jsonBody<const S extends Schema>(schema: S, limit: number) {
  return { types: ['application/json'], schema, limit } as const
}

/** JSON, or YAML by its content type. */
export function documentBody<const S extends Schema>(schema: S, limit: number) {
  return { types: ['application/json', 'application/yaml'], schema, limit } as const
}

export function textBody(limit: number) {
  return { types: ['text/plain'], schema: { type: 'string' }, limit } as const
}

export function json<const S extends Schema>(description: string, schema: S) {
  return { description, content: { 'application/json': schema } } as const
}

export function bytes(description: string) {
  return { description, content: { 'application/octet-stream': {} } } as const
}

/** Several ranges come as `multipart/byteranges` (RFC 9110 section 14.6). */
export function byteRanges(description: string) {
  return { description, content: { 'application/octet-stream': {}, 'multipart/byteranges': {} } } as const
}

export const EMPTY = { description: 'Done', content: {} } as const

export type BodyOf<E> = E extends { readonly body: { readonly schema: infer S } } ? FromSchema<S> : undefined
export type QueryOf<E> = E extends { readonly query: infer Q } ? OptionalOf<Q> : OptionalOf<unknown>
export type HeadersOf<E> = E extends { readonly headers: infer H } ? OptionalOf<H> : OptionalOf<unknown>
export type StatusOf<E> = E extends { readonly answers: infer A } ? keyof A & number : never
export type AnswerOf<E, Status> = E extends { readonly answers: infer A }
  ? Status extends keyof A
    ? A[Status] extends { readonly content: { readonly 'application/json': infer S } }
      ? FromSchema<S>
      : null
    : never
  : never

export type ParamsOf<E> = E extends { readonly path: infer P } ? Readonly<Record<NamesIn<P>, string>> : never

type OptionalOf<P> = { readonly [K in keyof P]?: FromSchema<P[K]> }
type NamesIn<P> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never

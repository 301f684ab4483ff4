/** The part of JSON Schema that requests and answers are described in: the same in draft-07 (ajv) and 2020-12 (OpenAPI 3.1). */
export interface Schema {
  readonly type?: SchemaType | readonly SchemaType[]
  /** Schemas with a title become components of the OpenAPI document. */
  readonly title?: string
  /** A noun phrase, as it stands after "must be" when a value is refused. */
  readonly description?: string
  readonly enum?: readonly (string | null)[]
  readonly const?: string | boolean
  readonly pattern?: string
  /** One of http/formats.ts. */
  readonly format?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly properties?: Properties
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly if?: Schema
  readonly then?: Schema
}

export type SchemaType = 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array' | 'null'
export type Properties = Readonly<Record<string, Schema>>
type None = Readonly<Record<never, Schema>>

interface RecordSchema<R, O> {
  readonly type: 'object'
  readonly title: string
  readonly required: readonly (keyof R & string)[]
  readonly properties: R & O
}

/** An object of an answer: it may get further members in later versions. */
export function record<const R extends Properties, const O extends Properties = None>(
  title: string,
  required: R,
  optional?: O,
): RecordSchema<R, O> {
  return { type: 'object', title, required: Object.keys(required), properties: { ...required, ...(optional as O) } }
}

/** An object of a request: what it does not name is refused. */
export function input<const R extends Properties, const O extends Properties = None>(
  title: string,
  required: R,
  optional?: O,
): RecordSchema<R, O> & { readonly additionalProperties: false } {
  return { ...record(title, required, optional), additionalProperties: false }
}

export function listOf<const S extends Schema>(items: S): { readonly type: 'array'; readonly items: S } {
  return { type: 'array', items }
}

/** The TypeScript type of what a schema describes. */
export type FromSchema<S> = S extends { readonly enum: readonly (infer V)[] }
  ? V
  : S extends { readonly const: infer V }
    ? V
    : S extends { readonly type: readonly (infer T)[] }
      ? ByType<S, T>
      : S extends { readonly type: infer T }
        ? ByType<S, T>
        : unknown

type ByType<S, T> = T extends 'string'
  ? string
  : T extends 'integer' | 'number'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'null'
        ? null
        : T extends 'array'
          ? S extends { readonly items: infer I }
            ? readonly FromSchema<I>[]
            : readonly unknown[]
          : ObjectOf<S>

type ObjectOf<S> = S extends { readonly properties: infer P; readonly required: readonly (infer R)[] }
  ? { readonly [K in keyof P as K extends R ? K : never]: FromSchema<P[K]> } & {
      readonly [K in keyof P as K extends R ? never : K]?: FromSchema<P[K]>
    }
  : S extends { readonly properties: infer P }
    ? { readonly [K in keyof P]?: FromSchema<P[K]> }
    : Readonly<Record<string, unknown>>

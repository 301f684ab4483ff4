import { Ajv } from 'ajv'
import type { Validate } from '../../shared/recipe/compile.ts'
import { AJV_OPTIONS } from '../../shared/recipe/compile.ts'
import { FORMATS } from './formats.ts'
import type { Schema } from './schema.ts'

const compiled = new Map<Schema, Validate>()

/** The validator of one part of a request (`createJob.body`). The build replaces this file by precompiled ones. */
export function requestValidator(_part: string, schema: Schema): Validate {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const made = new Ajv({ ...AJV_OPTIONS, formats: FORMATS }).compile(schema) as Validate
  compiled.set(schema, made)
  return made
}

import type { Validate } from './compile.ts'
import { compileSchema } from './compile.ts'
import { RECIPE_SCHEMA } from './schema.ts'

let compiled: Validate | undefined

/** The validator of this program's own recipe schema. The build replaces this file by a precompiled one. */
export function recipeValidator(): Validate {
  compiled ??= compileSchema(RECIPE_SCHEMA)
  return compiled
}

import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import type { Plugin } from 'esbuild'
import { AJV_OPTIONS } from '../src/shared/recipe/compile.ts'
import { RECIPE_SCHEMA } from '../src/shared/recipe/schema.ts'
import { ROOT } from './files.ts'

/**
 * Replaces src/shared/recipe/validator.ts, which compiles the recipe schema at the first use (90 ms of CPU), by the code
 * that ajv generates for it.
 */
export function recipeValidatorPlugin(): Plugin {
  return {
    name: 'recipe-validator',
    setup(build) {
      build.onLoad({ filter: /\/src\/shared\/recipe\/validator\.ts$/ }, () => ({
        contents: `${validatorSource()}\nexport function recipeValidator() { return validate }`,
        resolveDir: ROOT,
      }))
    },
  }
}

/** An ES module that exports `validate`. */
function validatorSource(): string {
  const ajv = new Ajv({ ...AJV_OPTIONS, code: { source: true, esm: true } })
  return standalone.default(ajv, ajv.compile(RECIPE_SCHEMA))
}

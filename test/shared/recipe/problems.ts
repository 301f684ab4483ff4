import type { Problem } from '../../../src/shared/errors.ts'
import { isAppError } from '../../../src/shared/errors.ts'
import { parseRecipe } from '../../../src/shared/recipe/parse.ts'

/** All that is wrong with a recipe. */
export function foundIn(document: unknown): readonly Problem[] {
  try {
    parseRecipe(document)
    return []
  } catch (error) {
    if (!isAppError(error, 'recipe-invalid')) throw error
    return error.problems
  }
}

/** The paths of it, sorted. */
export function problemsOf(document: unknown): string[] {
  return foundIn(document)
    .map(({ path }) => path)
    .sort()
}

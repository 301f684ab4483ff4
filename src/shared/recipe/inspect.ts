import type { Problem } from '../errors.ts'
import { isAppError } from '../errors.ts'
import { lintRecipe } from './lint.ts'
import { parseRecipe } from './parse.ts'
import type { Recipe } from './schema.ts'

export interface Findings {
  /** Any of them makes the recipe invalid. */
  readonly problems: readonly Problem[]
  /** What is allowed and seldom meant. */
  readonly warnings: readonly Problem[]
}

type Lint = (recipe: Recipe) => readonly Problem[]

/** Everything there is to say of a document that should be a recipe. */
export function inspectRecipe(document: () => unknown, lint: Lint = lintRecipe): Findings {
  try {
    return { problems: [], warnings: lint(parseRecipe(document())) }
  } catch (error) {
    if (!isAppError(error, 'recipe-invalid')) throw error
    const whole = { path: '', code: error.code, message: error.message }
    return { problems: error.problems.length > 0 ? error.problems : [whole], warnings: [] }
  }
}

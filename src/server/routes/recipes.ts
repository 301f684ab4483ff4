import { inspectRecipe } from '../../shared/recipe/inspect.ts'
import { MAX_RECIPE_BYTES } from '../../shared/recipe/parse.ts'
import type { Endpoints } from '../http/endpoint.ts'
import { documentBody, json } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { listOf, record } from '../http/schema.ts'
import { PROBLEM_DETAIL } from './schemas.ts'

export const RECIPE_ENDPOINTS = {
  validateRecipe: {
    method: 'POST',
    path: '/api/v1/recipes/validate',
    may: 'reader',
    summary: 'Check a recipe without a job, and name what is allowed but seldom meant',
    body: documentBody({ description: 'a recipe' }, MAX_RECIPE_BYTES),
    answers: {
      200: json(
        'What was found',
        record('RecipeFindings', {
          valid: { type: 'boolean' },
          details: listOf(PROBLEM_DETAIL),
          warnings: listOf(PROBLEM_DETAIL),
        }),
      ),
    },
    errors: ['recipe-invalid'],
  },
} as const satisfies Endpoints

export function recipeHandlers(): Handlers<typeof RECIPE_ENDPOINTS> {
  return {
    validateRecipe({ body, reply }) {
      const { problems, warnings } = inspectRecipe(() => body)
      return reply(200, { valid: problems.length === 0, details: problems, warnings })
    },
  }
}

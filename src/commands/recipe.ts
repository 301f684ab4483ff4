import type { Problem } from '../shared/errors.ts'
import { readTextFile } from '../shared/files.ts'
import { inspectRecipe } from '../shared/recipe/inspect.ts'
import { lintRecipe } from '../shared/recipe/lint.ts'
import { parseRecipeDocument } from '../shared/recipe/parse.ts'
import type { Recipe } from '../shared/recipe/schema.ts'
import { RECIPE_SCHEMA } from '../shared/recipe/schema.ts'
import { JSON_OPTION } from './answer.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'

const validate: Command = {
  name: 'recipe validate',
  summary: 'Check a recipe (YAML or JSON) and name every problem with its path; exit 1 when there is one',
  positionals: ['FILE'],
  options: JSON_OPTION,
  examples: ['provisioner recipe validate web.yaml', 'provisioner recipe validate --json web.json'],
  run: (invocation) => check(invocation, () => []),
}

const lint: Command = {
  name: 'recipe lint',
  summary: 'Check a recipe and also name what is allowed but seldom meant; exit 1 on any finding',
  positionals: ['FILE'],
  options: JSON_OPTION,
  examples: ['provisioner recipe lint web.yaml'],
  run: (invocation) => check(invocation, lintRecipe),
}

const schema: Command = {
  name: 'recipe schema',
  summary: 'Print the JSON Schema of recipes, for editors',
  positionals: [],
  options: {},
  examples: ['provisioner recipe schema > recipe.schema.json'],
  async run({ io }) {
    io.out(`${JSON.stringify(RECIPE_SCHEMA, null, 2)}\n`)
    return 0
  },
}

export const recipe: CommandGroup = {
  name: 'recipe',
  commands: [validate, lint, schema],
}

/** Problems make a recipe invalid; warnings are findings about a valid one. Either ends in exit code 1. */
async function check(invocation: Invocation, lint: (recipe: Recipe) => readonly Problem[]): Promise<number> {
  const { io } = invocation
  const file = invocation.arg('FILE')
  const text = await readTextFile(file, 'the recipe')
  const { problems, warnings } = inspectRecipe(() => parseRecipeDocument(text), lint)
  const findings = [...problems, ...warnings]
  if (invocation.flag('json')) {
    io.out(`${JSON.stringify({ valid: problems.length === 0, details: problems, warnings })}\n`)
  } else if (findings.length === 0) io.out(`${file}: valid\n`)
  else io.err(findings.map(({ path, message }) => `${file}: ${path || '/'}: ${message}\n`).join(''))
  return findings.length === 0 ? 0 : 1
}

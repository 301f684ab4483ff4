import type { ErrorObject } from 'ajv'
import type { Document } from 'yaml'
import { isScalar, LineCounter, parseDocument, visit } from 'yaml'
import type { Problem } from '../errors.ts'
import { AppError } from '../errors.ts'
import { firstPart } from '../json-pointer.ts'
import { excessOf } from './bounds.ts'
import type { Validate } from './compile.ts'
import { checkRules } from './rules.ts'
import type { Recipe } from './schema.ts'
import { schemaProblems } from './schema-problems.ts'
import { recipeValidator } from './validator.ts'

/** A recipe is texts for one machine; more is a mistake or an attack. */
export const MAX_RECIPE_BYTES = 4 * 1024 * 1024

/** What is no YAML at all is wrong everywhere. */
const MAX_SYNTAX_PROBLEMS = 100

/**
 * Reads a recipe that a controller printed. It was checked when its job was made: a rule that is newer than the job must not
 * end an install that runs.
 */
export function parsePrintedRecipe(text: string): Recipe {
  return JSON.parse(text) as Recipe
}

/**
 * Reads a document written as YAML or JSON (JSON is YAML 1.2), not yet checked. Anchors may not multiply it: that is how a
 * small file becomes a large one.
 * @throws `recipe-invalid` with every problem
 */
export function parseRecipeDocument(text: string): unknown {
  if (Buffer.byteLength(text) > MAX_RECIPE_BYTES) {
    throw new AppError('recipe-invalid', `Cannot read the recipe: it is larger than ${MAX_RECIPE_BYTES} bytes`)
  }
  const excess = excessOf(text)
  if (excess !== undefined) throw new AppError('recipe-invalid', `Cannot read the recipe: ${excess}`)
  const lines = new LineCounter()
  // The library compares every key with every other, and shows for every error the whole line: both may take minutes.
  const options = { uniqueKeys: false, prettyErrors: false, version: '1.2', lineCounter: lines } as const
  const document = parseDocument(text, options)
  const errors = document.errors.slice(0, MAX_SYNTAX_PROBLEMS).map(({ message, pos: [at] }) => {
    const { line, col } = lines.linePos(at)
    return `${message} at line ${line}, column ${col}`
  })
  const messages = [...errors, ...repeatedKeys(document)]
  if (messages.length > 0) {
    const problems = messages.map((message) => ({ path: '', code: 'syntax', message }))
    throw new AppError('recipe-invalid', 'Cannot read the recipe: it is neither YAML nor JSON', { problems })
  }
  try {
    return document.toJS({ maxAliasCount: 20 })
  } catch (cause) {
    throw new AppError('recipe-invalid', 'Cannot read the recipe: it has too many aliases', { cause })
  }
}

/** YAML 1.2.2 section 3.2.1.3: keys of a mapping are unique. */
function repeatedKeys(document: Document.Parsed): string[] {
  const found: string[] = []
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : key
        if (seen.has(name)) found.push(`The key "${name}" is given twice`)
        seen.add(name)
      }
    },
  })
  return found
}

/**
 * Checks a document against the schema and the rules.
 * @throws `recipe-invalid` with every problem and its path
 */
export function parseRecipe(document: unknown, validate: Validate = recipeValidator()): Recipe {
  const problems = validate(document) ? checkRules(document as Recipe) : allProblems(document, validate.errors ?? [])
  if (problems.length > 0) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
    throw new AppError('recipe-invalid', `Cannot use the recipe: it has ${count}`, { problems })
  }
  return document as Recipe
}

/** The rules are asked as well, of the fields that the schema takes: nobody wants to hear of the next mistake after each. */
function allProblems(document: unknown, errors: readonly ErrorObject[]): Problem[] {
  const problems = schemaProblems(errors)
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return problems
  return [...problems, ...checkRules(document as Recipe, new Set(problems.map(({ path }) => firstPart(path))))]
}

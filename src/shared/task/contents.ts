import type { KeyObject } from 'node:crypto'
import type { Recipe } from '../recipe/schema.ts'
import { RECIPE_SCHEMA } from '../recipe/schema.ts'
import type { JobFile } from './job-file.ts'
import { TASK_FILES, TASK_TEXTS } from './job-file.ts'
import type { TaskContents } from './seal.ts'
import { sealTask } from './seal.ts'

/**
 * Everything on the task medium of one job, sealed. Pure: the same recipe bytes, job and key give the same contents,
 * today and after a restart.
 */
export function taskContents(recipeBytes: Uint8Array, recipe: Recipe, job: JobFile, key: KeyObject): TaskContents {
  const files = new Map<string, Uint8Array>([
    [TASK_FILES.recipe, recipeBytes],
    [TASK_FILES.schema, Buffer.from(recipeSchemaText())],
    [TASK_FILES.job, Buffer.from(`${JSON.stringify(job, null, 2)}\n`)],
  ])
  for (const [field, name] of Object.entries(TASK_TEXTS)) {
    const text = recipe[field as keyof typeof TASK_TEXTS]
    if (text !== undefined) files.set(name, Buffer.from(text))
  }
  return sealTask(files, key)
}

/** The schema as it lies on every medium; the dispatcher compares it with its own byte for byte. */
export function recipeSchemaText(): string {
  return `${JSON.stringify(RECIPE_SCHEMA, null, 2)}\n`
}

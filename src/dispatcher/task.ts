import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openIso } from '../isobuilder/reader.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import { writeFileAtomic } from '../shared/files.ts'
import { parseRecipe } from '../shared/recipe/parse.ts'
import type { Recipe } from '../shared/recipe/schema.ts'
import { recipeValidator } from '../shared/recipe/validator.ts'
import { hasCode } from '../shared/system-error.ts'
import { recipeSchemaText } from '../shared/task/contents.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import { MAX_TASK_BYTES, TASK_FILES } from '../shared/task/job-file.ts'
import type { TaskContents } from '../shared/task/seal.ts'
import { checkSums, isSigned } from '../shared/task/seal.ts'
import { parseJobFile } from './job.ts'
import type { TaskMedium } from './medium.ts'

/** Keys of the image that task media must be signed by. */
export const TRUST_DIRECTORY = '/etc/provisioner/trust'

/**
 * Reads every file in the root of the medium, so that an early eject or a failing BMC cannot hurt later.
 * @throws `medium-unreadable`
 */
export function readTask(medium: TaskMedium): Promise<TaskContents> {
  return readFiles(medium, (path) => !path.includes('/'))
}

/**
 * Reads whom to report to, alone: what else is on the medium may not be readable, or not in time.
 * @throws `medium-unreadable`
 */
export function readJob(medium: TaskMedium): Promise<TaskContents> {
  return readFiles(medium, (path) => path === TASK_FILES.job)
}

async function readFiles(medium: TaskMedium, isWanted: (path: string) => boolean): Promise<TaskContents> {
  try {
    const image = await openIso(medium.readAt, medium.base)
    const files = new Map<string, Uint8Array>()
    let left = MAX_TASK_BYTES
    for (const { path, kind } of await image.list()) {
      if (kind !== 'file' || !isWanted(path)) continue
      const content = await image.read(path, left)
      left -= content.length
      files.set(path, content)
    }
    return files
  } catch (cause) {
    throw new AppError('medium-unreadable', `Cannot read the task medium ${medium.label} in ${medium.device}`, {
      cause,
    })
  }
}

/**
 * Keeps a copy of the medium, as it is, for the steps. First whom to report to: that may be all there is room for.
 * @throws `outputs-unwritable`
 */
export async function storeTask(directory: string, files: TaskContents): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true })
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const ordered = [...files].sort(([a], [b]) => Number(b === TASK_FILES.job) - Number(a === TASK_FILES.job))
    for (const [name, content] of ordered) await writeFileAtomic(join(directory, name), content, 0o600)
  } catch (cause) {
    throw new AppError('outputs-unwritable', `Cannot copy the task medium to ${directory}`, { cause })
  }
}

/** The stored copy, for a step. @throws `medium-unreadable` */
export async function loadTask(directory: string): Promise<TaskContents> {
  try {
    const names = await readdir(directory)
    return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name))] as const)))
  } catch (cause) {
    throw new AppError('medium-unreadable', `Cannot read the task in ${directory}: has the dispatcher run?`, { cause })
  }
}

/**
 * Public keys of the trust directory; none when it is not there. A key that cannot be read is not the same as none: with
 * none every signature is good. @throws `signature-invalid`
 */
export async function trustedKeys(directory: string): Promise<KeyObject[]> {
  try {
    const files = (await readdir(directory)).filter((name) => name.endsWith('.pub')).sort()
    return await Promise.all(files.map((name) => trustedKey(join(directory, name))))
  } catch (error) {
    if (isAppError(error)) throw error
    if (hasCode(error, 'ENOENT')) return []
    throw new AppError('signature-invalid', `Cannot read the trusted keys in ${directory}`, { cause: error })
  }
}

async function trustedKey(path: string): Promise<KeyObject> {
  try {
    return createPublicKey(await readFile(path))
  } catch (cause) {
    throw new AppError('signature-invalid', `Cannot use the trusted key ${path}`, { cause })
  }
}

/**
 * Refuses a medium that was changed, or that nobody trusted has signed. Says what was found out.
 * @throws `signature-invalid`
 */
export function checkSeal(files: TaskContents, trusted: readonly KeyObject[]): string {
  const problem = checkSums(files)
  if (problem !== undefined) throw new AppError('signature-invalid', `Cannot trust the task medium: ${problem}`)
  if (trusted.length === 0)
    return 'warning: this image trusts no key, so the signature of the task medium is not checked'
  if (!isSigned(files, trusted)) {
    const message =
      'Cannot trust the task medium: no key of this image has signed it. Was the image made by this controller?'
    throw new AppError('signature-invalid', message)
  }
  return 'the signature of the task medium is good'
}

/** @throws `medium-unreadable` */
export function jobOf(files: TaskContents): JobFile {
  const content = files.get(TASK_FILES.job)
  if (content === undefined) throw new AppError('medium-unreadable', 'Cannot use the task medium: it has no job.json')
  return parseJobFile(Buffer.from(content).toString('utf8'))
}

/**
 * The recipe, checked by the schema that came with it, which may be newer than this program.
 * @throws `schema-unusable`, `recipe-unreadable`, `recipe-invalid`
 */
export async function recipeOf(files: TaskContents): Promise<{ readonly recipe: Recipe; readonly schemaId: string }> {
  const schema = files.get(TASK_FILES.schema)
  if (schema === undefined) throw new AppError('schema-unusable', 'Cannot check the recipe: the medium has no schema')
  const validator = await validatorFor(Buffer.from(schema).toString('utf8'))
  const content = files.get(TASK_FILES.recipe)
  if (content === undefined) throw new AppError('recipe-unreadable', 'Cannot read the recipe: the medium has none')
  return { recipe: parseRecipe(documentOf(content), validator.validate), schemaId: validator.id }
}

function documentOf(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'))
  } catch (cause) {
    throw new AppError('recipe-unreadable', 'Cannot read the recipe: it is not JSON', { cause })
  }
}

/** Compiling takes a while, and so does loading what compiles: it is done only for a schema that is not our own. */
async function validatorFor(text: string) {
  try {
    const schema = JSON.parse(text) as { $id?: unknown }
    const id = typeof schema.$id === 'string' ? schema.$id : ''
    if (text === recipeSchemaText()) return { id, validate: recipeValidator() }
    const { compileSchema } = await import('../shared/recipe/compile.ts')
    return { id, validate: compileSchema(schema) }
  } catch (cause) {
    throw new AppError('schema-unusable', 'Cannot check the recipe: the schema on the medium is not usable', { cause })
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, readlink, rename, rm, stat, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** One thing the lab builds once: a root, an image, an ISO. */
export interface Recipe {
  readonly name: string
  /** Everything the result follows from: script texts, digests, paths of other cached things (they carry their keys). */
  readonly ingredients: readonly (string | Uint8Array)[]
  /** Makes the result at `partial`, which does not exist yet; it is renamed afterwards. Scratch beside it: `${partial}.…`. */
  readonly build: (partial: string) => Promise<void>
  /** File name ending of the result, such as `.iso`. */
  readonly ending?: string
}

/** Results of one name that stay in any case: another checkout may use the one before. */
const KEPT_PER_NAME = 2

/** Older ones stay as long as a run that got their path may still read them, such as a virtual CD of a machine. */
const KEPT_FOR_MS = 30 * 60_000

/** Where everything large of the lab lives: never in the checkout, so that a clean checkout starts warm. */
export function labCacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env['PROVISIONER_LAB_CACHE']) return env['PROVISIONER_LAB_CACHE']
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'provisioner-lab')
}

/** A new directory beside the cache, for a run that needs room; the caller removes it. */
export async function labScratch(name: string, directory = labCacheDirectory()): Promise<string> {
  await mkdir(directory, { recursive: true })
  return mkdtemp(join(directory, `${name}-`))
}

/** The path of what the recipe makes, built on first use. Two callers build it once, also from two processes. */
export async function cached(recipe: Recipe, directory = labCacheDirectory()): Promise<string> {
  const ending = recipe.ending ?? ''
  const path = join(directory, `${recipe.name}-${keyOf(recipe)}${ending}`)
  if (await used(path)) return path
  await mkdir(directory, { recursive: true })
  const lock = await takeLock(join(directory, `${recipe.name}.lock`))
  try {
    if (await used(path)) return path
    const partial = join(directory, `${recipe.name}-${keyOf(recipe)}.partial${ending}`)
    await removePartials(directory, recipe.name)
    await recipe.build(partial)
    await rename(partial, path)
    await used(path)
    await prune(directory, recipe.name, ending)
    return path
  } finally {
    lock.stdin?.end()
  }
}

/** SHA-256 of a file or of a whole tree (names, kinds, executable bits, contents), as an ingredient. */
export async function contentKey(path: string): Promise<string> {
  const hash = createHash('sha256')
  await addTree(hash, path, '')
  return hash.digest('hex')
}

function keyOf(recipe: Recipe): string {
  const hash = createHash('sha256')
  for (const ingredient of recipe.ingredients) {
    hash.update(`${Buffer.byteLength(ingredient)}:`).update(ingredient)
  }
  return hash.digest('hex').slice(0, 16)
}

async function addTree(hash: ReturnType<typeof createHash>, path: string, name: string): Promise<void> {
  const link = await readlink(path).catch(() => undefined)
  if (link !== undefined && name !== '') return void hash.update(`link ${name}\0${link}\0`)
  const at = await stat(path)
  if (at.isDirectory()) {
    hash.update(`directory ${name}\0`)
    for (const child of (await readdir(path)).sort()) await addTree(hash, join(path, child), `${name}/${child}`)
    return
  }
  hash.update(`file ${name}\0${at.mode & 0o111 ? 'x' : '-'}${at.size}\0`)
  // Not `pipeline(…, hash)`: that would end the hash.
  await pipeline(createReadStream(path), async function add(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) hash.update(chunk)
  })
}

/** Marks it as used now, which is what pruning goes by. */
async function used(path: string): Promise<boolean> {
  const now = new Date()
  return utimes(path, now, now).then(
    () => true,
    () => false,
  )
}

/**
 * An exclusive lock that dies with this process: `flock` holds it as long as the pipe to it is open, so no lock is ever
 * left behind. Waits for the present holder, who may be building for minutes.
 */
async function takeLock(path: string): Promise<ChildProcess> {
  const child = spawn('flock', [path, 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`Cannot lock ${path}: flock ended with ${code}`)))
    child.stdout?.once('data', () => resolve())
  })
  return child
}

/** What a killed build left. The lock is held, so none of this name is being built now. */
async function removePartials(directory: string, name: string): Promise<void> {
  const shape = new RegExp(`^${name.replaceAll('.', '\\.')}-[0-9a-f]{16}\\.partial`)
  const left = (await readdir(directory)).filter((entry) => shape.test(entry))
  await Promise.all(left.map((entry) => rm(join(directory, entry), { recursive: true, force: true })))
}

async function prune(directory: string, name: string, ending: string): Promise<void> {
  const shape = new RegExp(`^${name.replaceAll('.', '\\.')}-[0-9a-f]{16}${ending.replaceAll('.', '\\.')}$`)
  const found = (await readdir(directory)).filter((entry) => shape.test(entry)).map((entry) => join(directory, entry))
  const dated = await Promise.all(found.map(async (path) => ({ path, at: (await stat(path)).mtimeMs })))
  const young = Date.now() - KEPT_FOR_MS
  const old = dated
    .sort((a, b) => b.at - a.at)
    .slice(KEPT_PER_NAME)
    .filter(({ at }) => at < young)
  await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })))
}

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A directory of the running test alone; gone behind its last `afterEach`. */
export function scratch(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'scratch-')))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Writes files below `root`, by their paths in it. */
export async function putFiles(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
}

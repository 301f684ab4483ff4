import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { getAsset, getAssetKeys, isSea } from 'node:sea'
import { fileURLToPath } from 'node:url'

/**
 * Files that travel inside the executable (build/sea-config.json lists them). Names are paths below the repository,
 * such as `assets/units/install-linux.target`. From sources the same names are read from disk.
 */
export function readAsset(name: string): Buffer {
  if (isSea()) return Buffer.from(getAsset(name))
  return readFileSync(join(sourceRoot(), name))
}

/** Every asset below `prefix`, sorted; only an executable can list them, so the caller keeps a static list otherwise. */
export function embeddedAssets(prefix: string): string[] {
  return getAssetKeys()
    .filter((key) => key.startsWith(prefix))
    .sort()
}

function sourceRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(at, 'package.json'))) {
    const parent = dirname(at)
    if (parent === at) throw new Error(`Cannot find package.json above ${fileURLToPath(import.meta.url)}`)
    at = parent
  }
  return at
}

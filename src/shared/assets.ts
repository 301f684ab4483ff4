import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
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

/** The names of all assets below the directory `prefix` (`assets/units`), sorted by code unit. */
export function assetNames(prefix: string): string[] {
  const names = isSea()
    ? getAssetKeys()
    : readdirSync(join(sourceRoot(), prefix), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(sourceRoot(), join(entry.parentPath, entry.name)))
  return names.filter((name) => name.startsWith(`${prefix}/`)).sort()
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

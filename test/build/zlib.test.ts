import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const SOURCES = join(import.meta.dirname, '../../src')
const importers = globSync('**/*.ts', { cwd: SOURCES })
  .sort()
  .map((file) => ({ file, source: readFileSync(join(SOURCES, file), 'utf8') }))
  .filter(({ source }) => /['"](node:)?zlib['"]/.test(source))

/** What `source` takes from node:zlib, or undefined when it takes the whole module, so that nobody can see what it uses. */
function zlibImports(source: string): string[] | undefined {
  const found = [...source.matchAll(/import\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'node:zlib'/g)]
  if (found.length === 0) return undefined
  return found.flatMap(([, names]) => (names ?? '').split(',').map((name) => name.trim()))
}

test('the check sees every form of import', () => {
  expect(zlibImports("import { createGunzip, createZstdDecompress as z } from 'node:zlib'")).toEqual([
    'createGunzip',
    'createZstdDecompress as z',
  ])
  expect(zlibImports("import * as zlib from 'node:zlib'")).toBeUndefined()
})

test('node:zlib never does zstd: Node 24 ends silently after the first frame of several', () => {
  for (const { file, source } of importers) {
    const names = zlibImports(source)
    expect(names, `${file}: import what you need of node:zlib by name`).toBeDefined()
    expect(
      names?.filter((name) => /zstd/i.test(name)),
      `${file}: use src/shared/zstd.ts`,
    ).toEqual([])
  }
})

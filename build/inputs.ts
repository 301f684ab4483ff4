import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow, ROOT } from './files.ts'

/** The npm package of the Node that the executable is made of: this machine's, whose code cache we can make. */
export const NODE_PACKAGE = `node_modules/node-linux-${process.arch}`
export const NODE_BINARY = join(ROOT, NODE_PACKAGE, 'bin/node')

/** What script/setup compiles. */
export const ZSTD_ADDON = 'node_modules/zstd-napi/build/Release/binding.node'

/**
 * SHA-256 over all the executable is made of: our files by content, the packages by package-lock.json (which pins Node
 * too), the addon by content because this machine's compiler made it. Same digest, same executable.
 */
export function inputsDigest(): string {
  const files = [
    ...filesBelow('src'),
    ...filesBelow('assets'),
    ...filesBelow('build'),
    ...filesBelow('docs'),
    'Containerfile',
    'Containerfile.tools',
    'LICENSE',
    'package.json',
    'package-lock.json',
    'tsconfig.json', // esbuild reads it
    ZSTD_ADDON,
  ]
  const hash = createHash('sha256')
  for (const file of files) {
    const content = createHash('sha256')
      .update(readFileSync(join(ROOT, file)))
      .digest('hex')
    hash.update(`${content}  ${file}\n`)
  }
  return hash.digest('hex')
}

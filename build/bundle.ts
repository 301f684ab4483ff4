import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { ROOT } from './files.ts'
import { nativeAddonPlugin } from './native-addon-plugin.ts'
import { recipeValidatorPlugin } from './recipe-validator-plugin.ts'
import { requestValidatorsPlugin } from './request-validators-plugin.ts'

/** The entry and all it imports as one CommonJS file. */
export interface Bundle {
  readonly code: Uint8Array
  /** The files it was made of, as paths below the checkout. */
  readonly inputs: readonly string[]
}

/**
 * Roles that main.ts loads with `await import()` become closures that run when they are called, so `--version` runs no
 * HTTP server's code. CommonJS, because an ES module would load every builtin module at start (+40 ms).
 * @param entry path below the checkout
 * @param buildId what the executable calls itself, see src/shared/version.ts
 */
export async function bundle(entry: string, buildId: string): Promise<Bundle> {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const result = await build({
    absWorkingDir: ROOT,
    preserveSymlinks: true, // a linked node_modules gives the same paths, so the same bytes
    entryPoints: [entry],
    bundle: true,
    write: false,
    outfile: 'main.cjs',
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    minify: true,
    keepNames: true, // stacks in bug reports
    legalComments: 'none', // third-party-notices.txt has the full texts
    metafile: true,
    logLevel: 'silent',
    define: {
      PROVISIONER_VERSION: JSON.stringify(version),
      PROVISIONER_BUILD_ID: JSON.stringify(buildId),
      'import.meta.url': '"file:///provisioner"',
    },
    plugins: [nativeAddonPlugin(), recipeValidatorPlugin(), requestValidatorsPlugin()],
  })
  const [output] = result.outputFiles
  const warnings = result.warnings.map(({ text, location }) => `${location?.file ?? ''}: ${text}`)
  if (output === undefined || warnings.length > 0) throw new Error(`Cannot bundle ${entry}: ${warnings.join('\n')}`)
  if (output.text.includes(ROOT)) throw new Error(`Cannot use the bundle: it names this checkout, ${ROOT}`)
  return { code: output.contents, inputs: Object.keys(result.metafile.inputs) }
}

import { readFileSync } from 'node:fs'

/** Put in place by the build (build/bundle.ts); absent when the sources run directly. */
declare const PROVISIONER_VERSION: string | undefined
declare const PROVISIONER_BUILD_ID: string | undefined

/** The version of package.json. */
export const VERSION: string = typeof PROVISIONER_VERSION === 'string' ? PROVISIONER_VERSION : versionOfSources()

/**
 * Tells builds of one version apart: the first 12 hex digits of the SHA-256 of what the executable was made of, so the
 * same sources give the same id anywhere. `sources` when it is no executable.
 */
export const BUILD_ID: string = typeof PROVISIONER_BUILD_ID === 'string' ? PROVISIONER_BUILD_ID : 'sources'

function versionOfSources(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return manifest.version
}

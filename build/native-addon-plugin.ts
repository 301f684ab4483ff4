import type { Plugin } from 'esbuild'
import { ROOT } from './files.ts'

/** Asset name of the addon inside the executable. */
export const ZSTD_ASSET = 'native/zstd-napi.node'

/**
 * zstd-napi's binding.js requires its `.node` file by path. In the executable that file is an asset, so binding.js
 * becomes a call of our loader.
 */
export function nativeAddonPlugin(): Plugin {
  return {
    name: 'native-addon',
    setup(build) {
      build.onLoad({ filter: /\/zstd-napi\/binding\.js$/ }, () => ({
        contents: `module.exports = require('./src/shared/native-addon.ts').loadNativeAddon('${ZSTD_ASSET}')`,
        resolveDir: ROOT,
      }))
    },
  }
}

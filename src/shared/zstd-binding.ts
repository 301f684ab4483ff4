import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type * as Binding from 'zstd-napi/binding.js'
import { addonFile } from './native-addon.ts'

/** The library below zstd-napi's streams, loaded at the first call. It is CommonJS without names that Node could see. */
export async function zstdBinding(): Promise<typeof Binding> {
  const loaded = (await import('zstd-napi/binding.js')) as unknown as { readonly default: typeof Binding }
  return loaded.default
}

/**
 * What another thread gives to `process.dlopen` to have the library too. The file may be gone: the loader finds what is mapped
 * already by its name (dlopen(3)), and it is mapped once this resolves.
 */
export async function zstdAddonFile(): Promise<string> {
  const binding = await zstdBinding()
  const besidePackage = () => dirname(createRequire(import.meta.url).resolve('zstd-napi/binding.js'))
  return addonFile(binding) ?? join(besidePackage(), 'build/Release/binding.node')
}

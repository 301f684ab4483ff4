import type * as Binding from 'zstd-napi/binding.js'

/** The library below zstd-napi's streams, loaded at the first call. It is CommonJS without names that Node could see. */
export async function zstdBinding(): Promise<typeof Binding> {
  const loaded = (await import('zstd-napi/binding.js')) as unknown as { readonly default: typeof Binding }
  return loaded.default
}

import { zstdBinding } from './zstd-binding.ts'

/** A piece of a known size that was compressed by itself, in one frame or several. @throws when it is another size */
export async function zstdBlockDecompressor(): Promise<(block: Uint8Array, size: number) => Buffer> {
  const { DCtx, ResetDirective } = await zstdBinding()
  const context = new DCtx()
  return (block, size) => {
    const output = Buffer.allocUnsafeSlow(size)
    context.reset(ResetDirective.sessionOnly)
    let filled = 0
    let input: Uint8Array = block
    while (filled < size) {
      const [, produced, consumed] = context.decompressStream(output.subarray(filled), input)
      if (produced === 0 && consumed === 0)
        throw new Error(`the compressed block ends after ${filled} of ${size} bytes`)
      filled += produced
      input = input.subarray(consumed)
    }
    return output
  }
}

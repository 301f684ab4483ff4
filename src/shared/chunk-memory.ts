/**
 * Frees the memory of a chunk that nobody needs any more. The next one is then put where the processor's cache still is, no page
 * has to be made for it, and the garbage collector has nothing to do: that is half of what a gigabyte costs (docs/performance.md).
 * Whoever looks at the chunk afterwards finds it empty. A part of a larger buffer is left alone.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

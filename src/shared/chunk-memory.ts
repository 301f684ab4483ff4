const lent = new WeakMap<ArrayBuffer, (memory: ArrayBuffer) => void>()

/**
 * Whoever gives the memory back gives it to `takeBack`, which must leave it empty here (by transfer). A chunk that is used too late
 * is so never filled with other bytes.
 */
export function lend(memory: ArrayBuffer, takeBack: (memory: ArrayBuffer) => void): void {
  lent.set(memory, takeBack)
}

/**
 * Frees the memory of a chunk that nobody needs any more. The next one is then put where the processor's cache still is, no page
 * has to be made for it, and the garbage collector has nothing to do: that is half of what a gigabyte costs (docs/performance.md).
 * Whoever looks at the chunk afterwards finds it empty. A part of a larger buffer is left alone.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength) return
  const takeBack = lent.get(buffer)
  if (takeBack === undefined) buffer.transfer(0)
  else takeBack(buffer)
}

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
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) takerOf(buffer)(buffer)
}

/** Who gets this memory back. To be asked before it is transferred: what comes back from a thread is another object. */
export function takerOf(memory: ArrayBuffer): (memory: ArrayBuffer) => void {
  return lent.get(memory) ?? ((unused) => unused.transfer(0))
}

/** The chunk as a thread can be given it, and empty here afterwards. Memory can be handed over as a whole only: a part of it is copied. */
export function transferable(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = chunk
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    ? new Uint8Array(buffer)
    : new Uint8Array(chunk)
}

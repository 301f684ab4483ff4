/** Does a thing once for all who ask for it meanwhile; the result is theirs, and forgotten when it is there. */
export function createJoin<T>(): (key: string, action: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<T>>()
  return (key, action) => {
    const known = running.get(key)
    if (known !== undefined) return known
    const begun = action().finally(() => running.delete(key))
    running.set(key, begun)
    return begun
  }
}

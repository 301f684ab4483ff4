/** Conversations with BMCs that go on at the same time. Waiting for a server to install itself takes none. */
export interface Conversations {
  readonly limit: number
  /** Another limit: those that wait begin at once when there is more room; nothing that goes on is ended when there is less. */
  resize(limit: number): void
  /** Runs `action` when there is room; `first` overtakes those that wait for room to begin something new. */
  use<T>(order: 'first' | 'next', signal: AbortSignal, action: () => Promise<T>): Promise<T>
}

export function createConversations(limit: number): Conversations {
  const waiting = { first: new Set<() => void>(), next: new Set<() => void>() }
  let room = limit
  let used = 0

  /** As many as there is room for. */
  function admit(): void {
    while (used < room) {
      const line = waiting.first.size > 0 ? waiting.first : waiting.next
      const [resolve] = line
      if (resolve === undefined) return
      line.delete(resolve)
      used++
      resolve()
    }
  }

  async function enter(order: 'first' | 'next', signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (used < room) {
      used++
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      if (waiting[order].delete(resolve)) reject(signal.reason)
    }
    waiting[order].add(resolve)
    signal.addEventListener('abort', leave, { once: true })
    await promise.finally(() => signal.removeEventListener('abort', leave))
  }

  return {
    get limit() {
      return room
    },
    resize(next) {
      room = next
      admit()
    },
    async use(order, signal, action) {
      await enter(order, signal)
      try {
        return await action()
      } finally {
        used--
        admit()
      }
    },
  }
}

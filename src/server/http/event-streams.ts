import { AppError } from '../../shared/errors.ts'
import { sleep } from '../../shared/time.ts'

/** One open stream of server-sent events (HTML standard, section 9.2). */
export interface EventStream {
  /** A frame as `frame` makes it. A client that does not keep up is cut off: it comes back and goes on where it was. */
  send(bytes: Uint8Array): void
  /**
   * The same for what happened before and can wait: resolves when the client has taken enough for the next. What happens
   * meanwhile must not wait for it. @throws when the stream has ended
   */
  replay(bytes: Uint8Array): Promise<void>
  end(): void
  /** What is to be undone when the stream ends, however it ends. */
  onEnd(action: () => void): void
}

export interface EventStreams {
  /** @throws `rate-limited` when the caller, or all together, have as many as they may */
  open(owner: string, begin: (stream: EventStream) => Promise<void>): ReadableStream<Uint8Array>
  readonly count: number
  /** Ends all; the process stops. */
  close(): void
}

export interface StreamLimits {
  readonly all: number
  readonly perOwner: number
  /** Bytes that may wait for a slow client, beside what the kernel holds. */
  readonly waitingBytes: number
  readonly keepAliveMs: number
  /** After that the client comes back, and proves again who it is. */
  readonly lifeMs: number
}

const LIMITS: StreamLimits = {
  all: 2_000,
  perOwner: 1_000,
  waitingBytes: 256 * 1024,
  keepAliveMs: 15_000,
  lifeMs: 60 * 60_000,
}

const KEEP_ALIVE = Buffer.from(': still here\n\n')

/** One frame. JSON has no line feeds, so the data is one line. */
export function frame(event: string, data: unknown, id?: string): Uint8Array {
  return Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

interface Open {
  readonly owner: string
  readonly begun: number
  readonly stream: EventStream
  /** Nothing waits for the client, who may wonder whether there is still somebody. */
  isQuiet(): boolean
}

export function eventStreams(limits: StreamLimits = LIMITS): EventStreams {
  const open = new Set<Open>()
  const closing = new AbortController()
  let beating = false

  /** One timer for all streams; it ends with the last one. */
  async function beat(): Promise<void> {
    while (open.size > 0 && !closing.signal.aborted) {
      await sleep(limits.keepAliveMs, closing.signal).catch(() => undefined)
      for (const { begun, stream, isQuiet } of [...open]) {
        if (performance.now() - begun > limits.lifeMs) stream.end()
        else if (isQuiet()) stream.send(KEEP_ALIVE)
      }
    }
    beating = false
  }

  function admit(owner: string): void {
    const own = [...open].filter((other) => other.owner === owner).length
    if (closing.signal.aborted) throw new AppError('not-ready', 'Cannot open the stream: the controller is stopping')
    if (open.size < limits.all && own < limits.perOwner) return
    throw new AppError('rate-limited', `Cannot open the stream: ${own} of yours are open, ${open.size} in all`, {
      retryAfterSeconds: 5,
    })
  }

  return {
    get count() {
      return open.size
    },
    open(owner, begin) {
      admit(owner)
      const undo: (() => void)[] = []
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined
      let onRoom = () => {}
      const room = () => controller?.desiredSize ?? 0
      const entry: Open = {
        owner,
        begun: performance.now(),
        stream: {
          send(bytes) {
            if (!open.has(entry)) return
            controller?.enqueue(bytes)
            if (room() < 0) forget((at) => at.error(new Error('the client does not keep up')))
          },
          async replay(bytes) {
            if (!open.has(entry)) throw new Error('the stream has ended')
            controller?.enqueue(bytes)
            // Half of the room stays for what happens when the replay is over.
            while (open.has(entry) && room() < limits.waitingBytes / 2)
              await new Promise<void>((resolve) => {
                onRoom = resolve
              })
          },
          end: () => forget((at) => at.close()),
          onEnd: (action) => void (open.has(entry) ? undo.push(action) : action()),
        },
        isQuiet: () => room() === limits.waitingBytes,
      }
      function forget(last: (at: ReadableStreamDefaultController<Uint8Array>) => void): void {
        if (!open.delete(entry)) return
        for (const action of undo) action()
        onRoom()
        if (controller !== undefined) last(controller)
      }
      open.add(entry)
      if (!beating) {
        beating = true
        void beat()
      }
      return new ReadableStream<Uint8Array>(
        {
          start(own) {
            controller = own
            begin(entry.stream).catch((error: unknown) => forget((at) => at.error(error)))
          },
          pull: () => onRoom(),
          cancel: () => forget(() => undefined),
        },
        new ByteLengthQueuingStrategy({ highWaterMark: limits.waitingBytes }),
      )
    },
    close() {
      closing.abort()
      for (const { stream } of [...open]) stream.end()
    },
  }
}

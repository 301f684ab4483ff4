import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Both ends of a pipe. Closing each is the caller's. */
export interface Pipe {
  readonly reader: FileHandle
  readonly writer: FileHandle
}

/**
 * A pipe as shells make it, for the standard input of a program. Node makes a pair of sockets, and writes to it on the main thread;
 * a thread of its own can write to this one (pipe-writer.ts).
 * @param makeFifo makes one at a path, see mkfifo(1)
 */
export async function openPipe(makeFifo: (path: string) => Promise<void>): Promise<Pipe> {
  const directory = await mkdtemp(join(tmpdir(), 'provisioner-'))
  try {
    const path = join(directory, 'pipe')
    await makeFifo(path)
    // While it is open for both, neither end waits for the other to be opened (fifo(7)).
    await using _both = await open(path, 'r+')
    const reader = await open(path, 'r')
    return { reader, writer: await open(path, 'w') }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

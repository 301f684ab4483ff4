import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeHeader, padded } from '../../src/oci/layout/tar-header.ts'

/** Programs and libraries of this machine: most files are small, and a few dozen large ones have nearly all of the bytes. */
const SOURCES = ['/usr/lib', '/usr/bin', '/usr/share'] as const

/** A tar of about `bytes`: real files, so that it compresses like one. */
export async function* treeTar(bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes - 1024
  for await (const path of filesBelow(SOURCES)) {
    const { size } = await lstat(path)
    const name = path.slice(1)
    if (Buffer.byteLength(name) > 100 || padded(size) + 512 > left) continue
    left -= padded(size) + 512
    yield encodeHeader(name, size)
    yield* createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>
    yield Buffer.alloc(padded(size) - size)
    if (left < 1 << 20) break
  }
  yield Buffer.alloc(1024)
}

async function* filesBelow(directories: readonly string[]): AsyncGenerator<string> {
  for (const directory of directories) {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
    const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of sorted) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) yield* filesBelow([path])
      else if (entry.isFile()) yield path
    }
  }
}

import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { HttpMedium } from './http-medium.ts'

/** A medium in a file of this machine (`file:` URL): what a boot over HTTP is compared with. */
export async function openFileMedium(url: string): Promise<HttpMedium> {
  const file = await open(fileURLToPath(url))
  const { size } = await file.stat()
  return {
    url,
    size,
    async read(offset, length) {
      const bytes = Buffer.allocUnsafe(length)
      const { bytesRead } = await file.read(bytes, 0, length, offset)
      if (bytesRead < length) throw new Error(`${url} has no ${length} bytes at ${offset}`)
      return bytes
    },
    close: () => void file.close(),
  }
}

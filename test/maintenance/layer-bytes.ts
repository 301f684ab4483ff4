import { gzipSync } from 'node:zlib'
import { tarEnd, tarHeader } from '../../src/maintenance/tar-write.ts'
import type { ContentSource } from '../../src/oci/content.ts'
import type { TarHeader, TarType } from '../../src/oci/tar/tar-fields.ts'
import { paddingOf } from '../../src/oci/tar/tar-fields.ts'
import type { Digest } from '../../src/shared/digest.ts'
import { sha256 } from '../../src/shared/digest.ts'

/** One file of a test layer: `['d', 'etc/']`, `['f', 'etc/passwd', 'content']`, `['l', 'a', 'target']` (hard), `['s', …]`. */
export type Line = readonly ['d' | 'f' | 'l' | 's' | 'c', string, (string | Uint8Array)?, Partial<TarHeader>?]

const TYPES: Record<Line[0], TarType> = { d: 'directory', f: 'file', l: 'link', s: 'symlink', c: 'character' }

export function layerOf(lines: readonly Line[]): Buffer {
  const parts = lines.map(([kind, path, text = '', more]) => {
    const type = TYPES[kind]
    const content = type === 'file' ? Buffer.from(text) : Buffer.alloc(0)
    const header: TarHeader = {
      ...{ path, type, mode: type === 'directory' ? 0o755 : 0o644, uid: 0, gid: 0, size: content.length },
      ...{ link: type === 'link' || type === 'symlink' ? text.toString() : '', major: 0, minor: 0, xattrs: new Map() },
      ...more,
    }
    return Buffer.concat([tarHeader(header), content, Buffer.alloc(paddingOf(content.length))])
  })
  return Buffer.concat([...parts, tarEnd()])
}

/** An image of those layers, gzipped but for the first. */
export function imageSource(layers: readonly (readonly Line[])[]): ContentSource {
  const blobs = new Map<Digest, Buffer>()
  const descriptors = layers.map((lines, index) => {
    const bytes = index === 0 ? layerOf(lines) : gzipSync(layerOf(lines))
    blobs.set(sha256(bytes), bytes)
    return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256(bytes), size: bytes.length }
  })
  const content = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: descriptors }))
  return {
    name: 'test',
    manifest: async () => ({ digest: sha256(content), mediaType: '', content }),
    async *blob({ digest }) {
      // In pieces of odd size, as a network has them.
      const bytes = blobs.get(digest) ?? Buffer.alloc(0)
      for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777)
    },
    referrers: async () => [],
  }
}

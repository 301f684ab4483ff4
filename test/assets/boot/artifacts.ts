import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { debianRoot } from '../../lab/roots/roots.ts'

/** What the receiver answers below `/v2/`, a character a byte. */
export type Answers = Readonly<Record<string, string>>

/** An artifact of one file; `sent` instead of what its manifest promises. */
export function artifact(repository: string, tag: string, layer: Buffer, sent = layer): Answers {
  const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256(layer), size: layer.length }]
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256(Buffer.from('{}')), size: 2 }
  return {
    [`/v2/${repository}/manifests/${tag}`]: JSON.stringify({ schemaVersion: 2, config, layers }),
    [`/v2/${repository}/blobs/${sha256(layer)}`]: sent.toString('latin1'),
  }
}

/** A container image with busybox as its shell, which podman pulls and runs. */
export async function busyboxImage(repository: string, tag: string): Promise<Answers> {
  const layer = tar('bin/sh', await readFile(join(await debianRoot('tools'), 'usr/bin/busybox')), 0o755)
  const rootfs = { type: 'layers', diff_ids: [sha256(layer)] }
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }))
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(config), size: config.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: sha256(layer), size: layer.length }],
  }
  return {
    '/v2/': '{}',
    [`/v2/${repository}/manifests/${tag}`]: JSON.stringify(manifest),
    [`/v2/${repository}/blobs/${sha256(config)}`]: config.toString('latin1'),
    [`/v2/${repository}/blobs/${sha256(layer)}`]: layer.toString('latin1'),
  }
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** An archive of one file (POSIX.1-2017 pax, "ustar Interchange Format"). */
export function tar(name: string, content: Buffer, mode = 0o644): Buffer {
  const header = Buffer.alloc(512)
  const octal = (number: number, width: number) => `${number.toString(8).padStart(width - 1, '0')}\0`
  header.write(name, 0)
  header.write(octal(mode, 8) + octal(0, 8) + octal(0, 8) + octal(content.length, 12) + octal(0, 12), 100, 'latin1')
  header.write('        0', 148)
  header.write('ustar\x0000', 257, 'latin1')
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
    'latin1',
  )
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)])
}

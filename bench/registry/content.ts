import { createHash, randomBytes } from 'node:crypto'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Rival } from './servers.ts'

export interface Item {
  /** Below the directory of the benchmark. */
  readonly file: string
  /** Where a registry has it, from /v2/ on. */
  readonly path: string
  readonly digest: string
  readonly bytes: number
}

export interface Content {
  readonly big: Item
  readonly small: Item
  readonly manifest: Item
}

const GIB = 1 << 30
/** docker-registry knows no manifest of this type for those who do not accept it. */
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'

/** A blob of 1 GiB that no file system can compress, one of 16 KiB, and a manifest of them. */
export async function makeContent(directory: string): Promise<Content> {
  const big = await makeBig(directory)
  const small = await makeFile(directory, 'small', randomBytes(16 << 10))
  const descriptor = (item: Item) => ({ mediaType: 'application/octet-stream', digest: item.digest, size: item.bytes })
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptor(small),
    layers: [descriptor(small)],
  }
  const manifest = await makeFile(directory, 'manifest', Buffer.from(JSON.stringify(document)))
  return { big, small, manifest: { ...manifest, path: '/v2/bench/manifests/v1' } }
}

async function makeFile(directory: string, file: string, bytes: Buffer): Promise<Item> {
  await writeFile(join(directory, file), bytes)
  return item(file, createHash('sha256').update(bytes).digest('hex'), bytes.length)
}

async function makeBig(directory: string): Promise<Item> {
  const chunk = randomBytes(16 << 20)
  const hash = createHash('sha256')
  const file = await open(join(directory, 'big'), 'w')
  for (let at = 0; at < GIB; at += chunk.length) {
    chunk.writeUInt32LE(at >>> 0)
    hash.update(chunk)
    await file.write(chunk)
  }
  await file.close()
  return item('big', hash.digest('hex'), GIB)
}

function item(file: string, hex: string, bytes: number): Item {
  return { file, path: `/v2/bench/blobs/sha256:${hex}`, digest: `sha256:${hex}`, bytes }
}

/** Where the one PUT of a push goes. */
export async function startUpload({ url }: Rival, { digest }: Item): Promise<string> {
  const response = await fetch(`${url}/v2/bench/blobs/uploads/`, { method: 'POST' })
  const location = new URL(response.headers.get('location') ?? '', url)
  location.searchParams.set('digest', digest)
  return location.href
}

/** The blob and the manifest that the rows about small things ask for. */
export async function seed(rival: Rival, { small, manifest }: Content, read: (item: Item) => Buffer): Promise<void> {
  await put(await startUpload(rival, small), read(small), {})
  await put(rival.url + manifest.path, read(manifest), { 'content-type': MANIFEST_TYPE })
}

async function put(url: string, body: Buffer, headers: Record<string, string>): Promise<void> {
  const response = await fetch(url, { method: 'PUT', body, headers })
  if (response.status !== 201) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`)
}

import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ContentSource, ManifestDocument } from '../../src/oci/content.ts'
import { UNOBSERVED } from '../../src/oci/copy.ts'
import { fileSource, unpackFiles } from '../../src/oci/files.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { directory, never } from './support.ts'

const PACK = { mediaType: 'application/octet-stream', artifactType: 'application/x-test' }

async function files(contents: Record<string, Uint8Array | string>) {
  const root = await directory()
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(join(root, name, '..'), { recursive: true })
    await writeFile(join(root, name), content)
  }
  return { root, paths: Object.keys(contents).map((name) => join(root, name)) }
}

test('files become an artifact and files again', async () => {
  const big = randomBytes(3 << 20)
  const { paths } = await files({ 'disk.img': big, 'note.txt': 'hello', empty: '' })
  const source = await fileSource(paths, PACK, never)
  const root = await directory()
  const result = await unpackFiles(source, source.root, root, UNOBSERVED, never)
  expect(result).toMatchObject({ stored: 3, files: ['disk.img', 'note.txt', 'empty'] })
  expect((await readFile(join(root, 'disk.img'))).equals(big)).toBe(true)
  expect((await readdir(root)).toSorted()).toEqual(['disk.img', 'empty', 'note.txt'])
  expect(await unpackFiles(source, source.root, root, UNOBSERVED, never)).toMatchObject({ stored: 0, present: 3 })
})

test('the same files give the same manifest, which is the one in the specification', async () => {
  const { paths } = await files({ 'a.txt': 'hello' })
  const { root } = await fileSource(paths, PACK, never)
  expect(JSON.parse(root.content.toString())).toEqual({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/x-test',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256('{}'), size: 2, data: 'e30=' },
    layers: [
      {
        mediaType: 'application/octet-stream',
        digest: sha256('hello'),
        size: 5,
        annotations: { 'org.opencontainers.image.title': 'a.txt' },
      },
    ],
  })
  expect(root.digest).toBe((await fileSource(paths, PACK, never)).root.digest)
})

test('another file of the same size is replaced, what is damaged is not kept', async () => {
  const { paths } = await files({ 'disk.img': 'new!' })
  const source = await fileSource(paths, PACK, never)
  const { root } = await files({ 'disk.img': 'old!' })
  await unpackFiles(source, source.root, root, UNOBSERVED, never)
  expect(await readFile(join(root, 'disk.img'), 'utf8')).toBe('new!')

  const lying: ContentSource = {
    ...source,
    async *blob() {
      yield Buffer.from('bad!')
    },
  }
  const empty = await directory()
  const unpacked = unpackFiles(lying, source.root, empty, UNOBSERVED, never)
  await expect(unpacked).rejects.toMatchObject({ code: 'digest-mismatch' })
  expect(await readdir(empty)).toEqual([])
})

function titled(...titles: string[]): ManifestDocument {
  const layers = titles.map((title) => ({
    mediaType: 'x',
    digest: sha256(''),
    size: 0,
    annotations: { 'org.opencontainers.image.title': title },
  }))
  const content = Buffer.from(JSON.stringify({ layers }))
  return { digest: sha256(content), mediaType: 'x', content }
}

test.for(['../evil', '/etc/passwd', 'a/../../b', 'a//b', '.', 'a\nb', 'a\\b', 'sub/./x'])(
  'a file called %j is refused',
  async (title) => {
    const { paths } = await files({ empty: '' })
    const source = await fileSource(paths, PACK, never)
    const unpacked = unpackFiles(source, titled(title), await directory(), UNOBSERVED, never)
    await expect(unpacked).rejects.toThrow('is no file name')
  },
)

test('two files of one name are refused, both ways', async () => {
  const { paths } = await files({ 'a/x': '1', 'b/x': '2' })
  await expect(fileSource(paths, PACK, never)).rejects.toMatchObject({ code: 'request-invalid' })
  const source = await fileSource([paths[0] ?? ''], PACK, never)
  await expect(unpackFiles(source, titled('x', 'x'), await directory(), UNOBSERVED, never)).rejects.toThrow('two files')
})

test.for(['missing', '.'])('pushing "%s" is refused', async (name) => {
  const root = await directory()
  await expect(fileSource([join(root, name)], PACK, never)).rejects.toMatchObject({ code: 'request-invalid' })
})

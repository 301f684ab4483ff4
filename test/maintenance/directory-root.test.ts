import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { directoryRoot } from '../../src/maintenance/directory-root.ts'
import { openRoot } from '../../src/maintenance/open-root.ts'
import { rootTar } from '../../src/maintenance/root-image.ts'
import { withTools } from '../../src/maintenance/tools-store.ts'
import { readTar } from '../../src/oci/tar/tar-read.ts'
import { scratch } from '../support/scratch.ts'

const never = new AbortController().signal
let directory: string

beforeEach(async () => {
  directory = scratch()
  await mkdir(join(directory, 'usr/bin'), { recursive: true })
  await writeFile(join(directory, 'usr/bin/tool'), 'tool')
  await chmod(join(directory, 'usr/bin/tool'), 0o4755)
  await link(join(directory, 'usr/bin/tool'), join(directory, 'another'))
  await symlink('usr/bin', join(directory, 'bin'))
})

async function headers(tar: AsyncIterable<Uint8Array>) {
  const found: Record<string, string> = {}
  for await (const { header, content } of readTar(tar, 'test')) {
    const text = Buffer.concat(await Array.fromAsync(content())).toString()
    found[header.path] = `${header.type} ${header.mode.toString(8)} ${header.link || text}`.trim()
  }
  return found
}

test('modes, links and other names of files come through; a socket does not', async () => {
  const server = createServer().listen(join(directory, 'socket'))
  onTestFinished(() => void server.close())
  const image = await directoryRoot(directory, never)
  const found = await headers(rootTar(image, new Map(), never))
  expect(found).toMatchObject({
    another: 'file 4755 tool',
    'usr/bin/tool': 'link 4755 another',
    bin: 'symlink 777 usr/bin',
    'usr/bin/': expect.stringMatching(/^directory/),
  })
  expect(found).not.toHaveProperty('socket')
})

test('a file that grows while it is read is refused', async () => {
  const image = await directoryRoot(directory, never)
  await writeFile(join(directory, 'another'), 'longer than before')
  await expect(Array.fromAsync(rootTar(image, new Map(), never))).rejects.toMatchObject({ code: 'boot-image' })
})

test('a link whose target is no text is refused: it would become another one', async () => {
  await symlink(Buffer.from('caf\xe9', 'latin1'), join(directory, 'usr/menu'))
  await expect(directoryRoot(directory, never)).rejects.toMatchObject({
    code: 'boot-image',
    message: `Cannot read "${directory}/usr/menu": the target of the link is not UTF-8`,
  })
})

test('the image of the tools becomes a store that podman reads', async () => {
  const root = await directoryRoot(directory, never)
  const image = await withTools(root, root, 'localhost/t:1', never)
  const found = await headers(rootTar(image, new Map(), never))
  const store = 'usr/lib/provision/containers-storage'
  const [layer] = JSON.parse(found[`${store}/overlay-layers/layers.json`]?.replace(/^\S+ \S+ /, '') ?? '[]')
  const [stored] = JSON.parse(found[`${store}/overlay-images/images.json`]?.replace(/^\S+ \S+ /, '') ?? '[]')
  expect(stored).toMatchObject({ names: ['localhost/t:1'], layer: layer.id })
  expect(found[`${store}/overlay/${layer.id}/diff/usr/bin/tool`]).toBe(
    `link 4755 ${store}/overlay/${layer.id}/diff/another`,
  )
  expect(found[`${store}/overlay/${layer.id}/diff/another`]).toBe('file 4755 tool')
  expect(found['usr/bin/tool']).toBe('link 4755 another')
  const short = found[`${store}/overlay/${layer.id}/link`]?.split(' ')[2]
  expect(found[`${store}/overlay/l/${short}`]).toBe(`symlink 777 ../${layer.id}/diff`)
})

test('what is neither a directory nor an image is refused', async () => {
  const options = { architecture: 'amd64', work: directory, repository: () => Promise.reject(new Error('none')) }
  await expect(openRoot('file:/etc/passwd', options, never)).rejects.toMatchObject({ code: 'reference-invalid' })
  await expect(openRoot(`oci-layout:${directory}`, options, never)).rejects.toMatchObject({ code: 'layout-invalid' })
})

import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { filesystemBlobs, filesystemUploads, prepareDirectories } from '../../../src/registry/storage/filesystem.ts'
import { blobPath } from '../../../src/registry/storage/paths.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import { temporaryDirectory } from '../support/open-registry.ts'
import { bytesContract } from './bytes-contract.ts'

async function make() {
  const root = await temporaryDirectory()
  await prepareDirectories(root)
  return { root, blobs: filesystemBlobs(root), uploads: filesystemUploads(root) }
}

bytesContract(make)

test('blobs lie where the layout says, with 256 shards for each algorithm', async () => {
  const { root, uploads } = await make()
  await uploads.create('one')
  await uploads.commit('one', sha256(''))
  const hex = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  expect(await readFile(join(root, 'blobs', 'sha256', 'e3', hex), 'utf8')).toBe('')
  expect(await readdir(join(root, 'blobs', 'sha256'))).toHaveLength(256)
  expect(await readdir(join(root, 'blobs', 'sha512'))).toHaveLength(256)
  expect((await stat(blobPath(root, sha256('')))).mode & 0o077).toBe(0)
})

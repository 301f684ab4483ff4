import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bytesSource } from '../../src/isobuilder/source.ts'
import { refuseInstaller, refuseIso } from '../../src/maintenance/installer.ts'
import { rootTree } from '../../src/maintenance/root-tree.ts'
import { imageOf } from '../isobuilder/image-bytes.ts'

let at = ''

beforeAll(async () => {
  at = await mkdtemp(join(tmpdir(), 'installer-'))
})

afterAll(() => rm(at, { recursive: true }))

test('an ISO image is refused, with what an installer would do', async () => {
  const path = join(at, 'install.iso')
  await writeFile(path, await imageOf([{ path: 'x', source: bytesSource(Buffer.from('x')) }], 'FEDORA'))
  await expect(refuseIso(path)).rejects.toThrow(
    /is an ISO image.*--type iso, anaconda-iso or bootc-installer.*erases the first disk/,
  )
  await expect(refuseIso(`oci-archive:${path}`)).rejects.toMatchObject({ code: 'boot-image' })
})

test('what is no ISO image, or no file, is left to whoever opens it', async () => {
  await writeFile(join(at, 'short'), 'x')
  for (const from of [join(at, 'short'), join(at, 'nothing'), at, 'oci://192.0.2.1/os:1']) await refuseIso(from)
})

test('an image that is an installer is refused, another one is not', () => {
  const tree = rootTree()
  const header = {
    type: 'directory',
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 0,
    link: '',
    major: 0,
    minor: 0,
    xattrs: new Map(),
  } as const
  for (const path of ['usr', 'usr/bin']) tree.apply({ ...header, path }, 0, 0)
  refuseInstaller(tree, '"os:1"')
  tree.apply({ ...header, type: 'file', path: 'usr/bin/anaconda' }, 0, 0)
  expect(() => refuseInstaller(tree, '"os:1"')).toThrow(/it has \/usr\/bin\/anaconda, and .* is an installer/)
})

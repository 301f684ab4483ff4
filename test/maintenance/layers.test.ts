import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { imageRoot } from '../../src/maintenance/layers.ts'
import { rootTar } from '../../src/maintenance/root-image.ts'
import { readTar } from '../../src/oci/tar/tar-read.ts'
import { imageSource, type Line } from './layer-bytes.ts'

const never = new AbortController().signal

async function tarOf(layers: readonly (readonly Line[])[]): Promise<Buffer> {
  const image = await imageRoot(imageSource(layers), 'latest', 'amd64', never)
  return Buffer.concat(await Array.fromAsync(rootTar(image, new Map(), never)))
}

/** path → content, `-> target`, `= other name` or `/`, as an extractor would have it. */
async function rootOf(layers: readonly (readonly Line[])[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  async function* bytes() {
    yield await tarOf(layers)
  }
  for await (const { header, content } of readTar(bytes(), 'test')) {
    const { type, path, link } = header
    if (path === './') continue
    if (type === 'directory') found[path] = '/'
    else if (type === 'symlink') found[path] = `-> ${link}`
    else if (type === 'link') found[path] = `= ${link}`
    else if (type === 'file') found[path] = Buffer.concat(await Array.fromAsync(content())).toString()
    else found[path] = `${type} ${header.major}:${header.minor}`
  }
  return found
}

const BASE: readonly Line[] = [
  ['d', 'etc/'],
  ['f', 'etc/passwd', 'root'],
  ['d', 'usr/'],
  ['d', 'usr/lib/'],
  ['f', 'usr/lib/a', 'A'],
  ['f', 'usr/lib/b', 'B'],
  ['s', 'lib', 'usr/lib'],
]

test.for<[string, (readonly Line[])[], Record<string, string>]>([
  ['one layer', [], {}],
  ['a file of an upper layer wins', [[['f', 'etc/passwd', 'upper']]], { 'etc/passwd': 'upper' }],
  ['a whiteout removes a file', [[['f', 'etc/.wh.passwd']]], { 'etc/passwd': '' }],
  [
    'a whiteout removes a directory with all in it',
    [[['f', 'usr/.wh.lib']]],
    { 'usr/lib/': '', 'usr/lib/a': '', 'usr/lib/b': '' },
  ],
  [
    'an opaque directory has only what its layer brings',
    [
      [
        ['d', 'usr/lib/'],
        ['f', 'usr/lib/c', 'C'],
        ['f', 'usr/lib/.wh..wh..opq'],
      ],
    ],
    { 'usr/lib/a': '', 'usr/lib/b': '', 'usr/lib/c': 'C' },
  ],
  [
    'a whiteout does not hide what its own layer brings',
    [
      [
        ['f', 'usr/lib/a', 'new'],
        ['f', 'usr/lib/.wh.a'],
      ],
    ],
    { 'usr/lib/a': 'new' },
  ],
  [
    'a file in place of a directory',
    [[['f', 'usr', 'x']]],
    { 'usr/': '', usr: 'x', 'usr/lib/': '', 'usr/lib/a': '', 'usr/lib/b': '' },
  ],
  [
    'a directory in place of a file',
    [
      [
        ['d', 'etc/passwd/'],
        ['f', 'etc/passwd/x', 'X'],
      ],
    ],
    { 'etc/passwd': '', 'etc/passwd/': '/', 'etc/passwd/x': 'X' },
  ],
  ['a path through a symbolic link lands behind it', [[['f', 'lib/c', 'C']]], { 'usr/lib/c': 'C' }],
  ['a whiteout through a symbolic link', [[['f', 'lib/.wh.a']]], { 'usr/lib/a': '' }],
  [
    'a hard link to a file of a lower layer',
    [[['l', 'etc/other', 'usr/lib/a']]],
    { 'etc/other': 'A', 'usr/lib/a': '= etc/other' },
  ],
  [
    'a hard link keeps the content that its target loses',
    [[['l', 'z', 'usr/lib/a']], [['f', 'usr/lib/a', 'new']]],
    { z: 'A', 'usr/lib/a': 'new' },
  ],
  [
    'a hard link stays when its target goes',
    [[['l', 'z', 'usr/lib/a']], [['f', 'usr/lib/.wh.a']]],
    { z: 'A', 'usr/lib/a': '' },
  ],
  ['a device', [[['c', 'dev/null', '', { major: 1, minor: 3 }]]], { 'dev/': '/', 'dev/null': 'character 1:3' }],
  ['removed and brought back', [[['f', 'etc/.wh.passwd']], [['f', 'etc/passwd', 'again']]], { 'etc/passwd': 'again' }],
])('%s', async ([, layers, change]) => {
  const base = {
    'etc/': '/',
    'etc/passwd': 'root',
    'usr/': '/',
    'usr/lib/': '/',
    'usr/lib/a': 'A',
    'usr/lib/b': 'B',
    lib: '-> usr/lib',
  }
  const expected = Object.entries({ ...base, ...change }).filter(([, content]) => content !== '')
  expect(await rootOf([BASE, ...layers])).toEqual(Object.fromEntries(expected))
})

test('owners, modes, long names and attributes of raw bytes come through', async () => {
  const capability = Buffer.from('0100000200800000ff00000000000000', 'hex')
  const name = `${'directory-of-some-length/'.repeat(5)}newuidmap`
  const more = { mode: 0o4755, uid: 3_000_000, gid: 7, xattrs: new Map([['security.capability', capability]]) }
  const tar = await tarOf([[['f', name, 'x', more]]])
  async function* bytes() {
    yield tar
  }
  const members = await Array.fromAsync(readTar(bytes(), 'test'))
  expect(members.at(-1)?.header).toMatchObject({ path: name, ...more, size: 1, type: 'file' })
})

test('a path that leaves the image, or a link to nothing, is refused', async () => {
  const refused = { code: 'boot-image' }
  await expect(tarOf([[['f', '../etc/shadow', 'x']]])).rejects.toMatchObject(refused)
  await expect(tarOf([[['l', 'a', 'missing']]])).rejects.toMatchObject(refused)
})

test('a layer that is not what its digest says is refused', async () => {
  const source = imageSource([BASE])
  const broken = {
    ...source,
    async *blob() {
      yield Buffer.alloc(10_240)
    },
  }
  await expect(imageRoot(broken, 'latest', 'amd64', never)).rejects.toMatchObject({ code: 'digest-mismatch' })
})

test('a layer that is cut off, or that is no archive, is refused', async () => {
  async function* text() {
    yield Buffer.alloc(2048, 'text')
  }
  await expect(Array.fromAsync(readTar(text(), 'x'))).rejects.toMatchObject({ code: 'archive-invalid' })
  const whole = await tarOf([[['f', 'a', 'x'.repeat(3000)]]])
  async function* half() {
    yield whole.subarray(0, 2500)
  }
  await expect(Array.fromAsync(readTar(half(), 'x'))).rejects.toMatchObject({ code: 'archive-invalid' })
})

test('the bytes depend on the files alone: not on the order in a layer', () => {
  const lines: readonly Line[] = [
    ['f', 'a', '1'],
    ['f', 'b', '2'],
    ['d', 'c/', '', { mode: 0o700 }],
    ['s', 'd', 'a'],
  ]
  const sum = async (layers: readonly (readonly Line[])[]) => {
    const found = await rootOf(layers)
    return createHash('sha256')
      .update(JSON.stringify(Object.entries(found).sort()))
      .digest('hex')
  }
  return fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...lines], { minLength: 4 }), async (order) => {
      expect(await sum([order])).toBe(await sum([lines]))
    }),
    { numRuns: 20 },
  )
})

import { expect, test } from 'vitest'
import { childBytes, childEntries, continuationEntry, dotEntries, putChild } from '../../src/isobuilder/rock-ridge.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { DirectoryNode, TreeNode } from '../../src/isobuilder/tree.ts'

const PX_FILE = '505824012481000000008124010000000000000100000000000000000000000000000000'
const TF = `54461a010e${'50010100000000'.repeat(3)}`

function fileNode(name: string): TreeNode {
  return { kind: 'file', name, path: name, source: bytesSource(new Uint8Array()) }
}

function directory(...children: TreeNode[]): DirectoryNode {
  return { kind: 'directory', name: 'd', path: 'd', children: new Map(children.map((child) => [child.path, child])) }
}

function hex(entries: readonly Buffer[]): string[] {
  return entries.map((entry) => entry.toString('hex'))
}

test('a file has mode 0444 of root, the fixed date, and its name', () => {
  expect(hex(childEntries(fileNode('a-b')))).toEqual([PX_FILE, TF, '4e4d080100612d62'])
})

test('a directory has mode 0555 and a link for each directory in it', () => {
  const [attributes] = childEntries(directory(fileNode('f'), { ...directory(), path: 'd/d' }))
  expect(attributes?.readUInt32LE(4)).toBe(0o040555)
  expect(attributes?.readUInt32BE(16)).toBe(3)
})

test('the first record of the root begins with SP and names the extension', () => {
  const [sp, , , er] = dotEntries(Buffer.alloc(36), true)
  expect(sp?.toString('hex')).toBe('53500701beef00')
  expect(er?.subarray(0, 18).toString('latin1')).toBe('ER\xed\x01\x0a\x54\x87\x01RRIP_1991A')
  expect(er?.length).toBe(8 + 10 + 84 + 135)
  expect(dotEntries(Buffer.alloc(36), false)).toHaveLength(2)
})

test.for(['a', 'ünï 日本', 'n'.repeat(250)])('the entries of "%s" are written as they are made', (name) => {
  const entries = Buffer.concat(childEntries(fileNode(name)))
  const written = Buffer.alloc(childBytes(fileNode(name)) ?? 0)
  putChild(written, 0, fileNode(name))
  expect(written.equals(entries)).toBe(true)
})

test('a name above 250 bytes goes on in a second entry', () => {
  const names = childEntries(fileNode('n'.repeat(253))).slice(2)
  expect(names.map((entry) => [entry.length, entry[4]])).toEqual([
    [255, 1],
    [8, 0],
  ])
})

test.for([
  ['a/b', '534c0b01000001610001' + '62'],
  ['../x', '534c0a0100040000' + '0178'],
  ['./x', '534c0a0100020000' + '0178'],
  ['/', '534c07010008' + '00'],
  ['/etc', '534c0c0100080000' + '03657463'],
  ['a//b/', '534c0b01000001610001' + '62'],
] as const)('a link to "%s" is recorded in components', ([target, bytes]) => {
  const [link] = childEntries({ kind: 'symlink', name: 'l', path: 'l', target }).slice(3)
  expect(link?.toString('hex')).toBe(bytes)
})

test('a long target goes on in further entries, and a long component in further records', () => {
  const links = childEntries({ kind: 'symlink', name: 'l', path: 'l', target: `a/${'c'.repeat(300)}` }).slice(3)
  expect(links.map((entry) => entry[4])).toEqual([1, 1, 0])
  // "a" and the empty component; 246 of 300 and "goes on"; the rest.
  expect(links.map((entry) => [entry[5], entry[6]])).toEqual([
    [0, 1],
    [1, 246],
    [0, 54],
  ])
})

test('an entry does not end between two names: an empty component leads to the next', () => {
  const links = childEntries({ kind: 'symlink', name: 'l', path: 'l', target: '../'.repeat(130) }).slice(3)
  expect(links.map((entry) => entry.subarray(4).toString('hex'))).toEqual([
    `01${'0400'.repeat(124)}0100`,
    `00${'0400'.repeat(6)}`,
  ])
})

test('a continuation entry has sector, offset and size in both byte orders (SUSP 5.1)', () => {
  expect(continuationEntry(0x18, 0x20, 0xed).toString('hex')).toBe(
    '43451c01' + '1800000000000018' + '2000000000000020' + 'ed000000000000ed',
  )
})

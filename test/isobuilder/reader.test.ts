import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openIso, readVolumeId } from '../../src/isobuilder/reader.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'
import { names } from './awkward-names.ts'
import { bytesOf, file, imageOf, mediumOf, planOf } from './image-bytes.ts'

const SECTOR = 2048
const PRIMARY_ROOT = 23

const TREE: readonly Entry[] = [
  file('recipe.json', '{}\n'),
  file('user-data', '#cloud-config\n'),
  file('drivers/Net Card.inf', 'inf'),
  { path: 'drivers/latest', symlink: '../user-data' },
  { path: 'empty', directory: true },
]

async function paths(bytes: Buffer): Promise<string[]> {
  const image = await openIso(mediumOf(bytes))
  return (await image.list()).map(({ path }) => path)
}

test('files, directories and links come back with kind, size, mode and target', async () => {
  const image = await openIso(mediumOf(await imageOf(TREE, 'TASK_1')))
  expect(image.label).toBe('TASK_1')
  expect(await image.list()).toEqual([
    { path: 'drivers', kind: 'directory', size: 0, mode: 0o555 },
    { path: 'drivers/Net Card.inf', kind: 'file', size: 3, mode: 0o444 },
    { path: 'drivers/latest', kind: 'symlink', size: 0, mode: 0o777, target: '../user-data' },
    { path: 'empty', kind: 'directory', size: 0, mode: 0o555 },
    { path: 'recipe.json', kind: 'file', size: 3, mode: 0o444 },
    { path: 'user-data', kind: 'file', size: 14, mode: 0o444 },
  ])
  expect(Buffer.from(await image.read('/recipe.json', 3)).toString()).toBe('{}\n')
})

test.for([
  ['recipe.json', 2, 'size-exceeded'],
  ['recipe', 100, 'not-found'],
  ['drivers', 100, 'iso-read'],
  ['drivers/latest', 100, 'iso-read'],
] as const)('reading "%s" with a limit of %i is %s', async ([path, limit, code]) => {
  const image = await openIso(mediumOf(await imageOf(TREE)))
  await expect(image.read(path, limit)).rejects.toMatchObject({ code })
})

test('without Rock Ridge the names are those of Joliet, without both those of the primary tree', async () => {
  const bytes = await imageOf(TREE)
  bytes.fill(0, PRIMARY_ROOT * SECTOR + 34, PRIMARY_ROOT * SECTOR + 132) // SP, PX of "."
  expect(await paths(bytes)).toEqual(['drivers', 'drivers/Net Card.inf', 'empty', 'recipe.json', 'user-data'])
  bytes[17 * SECTOR + 88] = 0 // no Joliet escape sequence
  expect(await paths(bytes)).toEqual([
    ...['drivers', 'drivers/latest', 'drivers/net_card.inf', 'empty', 'recipe.json', 'user_data'],
  ])
})

test('an image behind another one is read from its own start', async () => {
  const bytes = Buffer.concat([Buffer.alloc(7 * SECTOR, 0x55), await imageOf(TREE, 'SECOND')])
  const image = await openIso(mediumOf(bytes), 7 * SECTOR)
  expect(Buffer.from(await image.read('user-data', 100)).toString()).toBe('#cloud-config\n')
  expect(await readVolumeId(mediumOf(bytes), 7 * SECTOR)).toBe('SECOND')
  expect(await readVolumeId(mediumOf(bytes))).toBeUndefined()
})

test.for([0, 100, 33 * 1024, 40 * 1024])(
  'a medium of %i bytes of nothing has no volume id and cannot be opened',
  async (size) => {
    const medium = mediumOf(Buffer.alloc(size))
    expect(await readVolumeId(medium)).toBeUndefined()
    await expect(openIso(medium)).rejects.toMatchObject({ code: 'iso-read' })
  },
)

test('a truncated image says so when its missing part is read', async () => {
  const image = await openIso(mediumOf((await imageOf(TREE)).subarray(0, -SECTOR)))
  expect(await image.list()).toHaveLength(6)
  await expect(image.read('drivers/Net Card.inf', 100)).rejects.toMatchObject({ code: 'iso-read' })
})

/** Offset of the record of `recipe.json`, `drivers` … in the primary root, by its place. */
function recordAt(bytes: Buffer, index: number): number {
  let at = PRIMARY_ROOT * SECTOR
  for (let skip = index; skip > 0; skip--) at += bytes[at] ?? 0
  return at
}

function put32(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value, at)
  bytes.writeUInt32BE(value, at + 4)
}

const [DRIVERS, EMPTY, RECIPE] = [2, 3, 4]

test.for<[string, (bytes: Buffer) => void, RegExp]>([
  ['no terminator', (bytes) => bytes.fill(0, 18 * SECTOR, 19 * SECTOR), /no volume descriptor in sector 18/],
  ['blocks of 512 bytes', (bytes) => bytes.set([0, 2, 2, 0], 16 * SECTOR + 128), /blocks are not of 2048/],
  ['two sizes', (bytes) => bytes.writeUInt32BE(1, 16 * SECTOR + 84), /size of the volume differs/],
  ['the root outside', (bytes) => put32(bytes, 16 * SECTOR + 158, 0xffffffff), /root directory lies outside/],
  ['a directory that is its parent', (bytes) => put32(bytes, recordAt(bytes, DRIVERS) + 2, PRIMARY_ROOT), /loop/],
  [
    'a directory twice',
    (bytes) =>
      bytes.copy(bytes, recordAt(bytes, EMPTY) + 2, recordAt(bytes, DRIVERS) + 2, recordAt(bytes, DRIVERS) + 10),
    /loop/,
  ],
  ['a directory outside', (bytes) => put32(bytes, recordAt(bytes, DRIVERS) + 2, 1e6), /lies outside/],
  ['a directory of 4 GiB', (bytes) => put32(bytes, recordAt(bytes, DRIVERS) + 10, 0xffffffff), /lies outside/],
  ['a file outside', (bytes) => put32(bytes, recordAt(bytes, RECIPE) + 10, 1e6), /"\/recipe.json" lies outside/],
  ['a file that goes on in another', (bytes) => bytes.writeUInt8(0x80, recordAt(bytes, RECIPE) + 25), /has no end/],
  ['a record with two locations', (bytes) => bytes.writeUInt8(9, recordAt(bytes, RECIPE) + 9), /location .* differs/],
  ['a record that is too short', (bytes) => bytes.writeUInt8(20, recordAt(bytes, RECIPE)), /too short/],
  ['an identifier that is too long', (bytes) => bytes.writeUInt8(255, recordAt(bytes, RECIPE) + 32), /too short/],
  ['an interleaved file', (bytes) => bytes.writeUInt8(1, recordAt(bytes, RECIPE) + 26), /interleaved/],
  [
    'a name with a slash',
    (bytes) => bytes.write('../x/y.json', bytes.indexOf('recipe.json', PRIMARY_ROOT * SECTOR)),
    /is no name/,
  ],
  [
    'a name that is there twice',
    (bytes) => bytes.write('empty\0\0\0\0\0\0', bytes.indexOf('recipe.json', PRIMARY_ROOT * SECTOR)),
    /no name/,
  ],
])('an image with %s is refused', async ([, damage, message]) => {
  const bytes = await imageOf(TREE)
  damage(bytes)
  await expect(paths(bytes)).rejects.toMatchObject({ code: 'iso-read', message: expect.stringMatching(message) })
})

test('continuation areas that lead to themselves are refused', async () => {
  const bytes = await imageOf([file('n'.repeat(253))])
  const lead = bytes.indexOf('CE\x1c\x01', PRIMARY_ROOT * SECTOR + 200, 'latin1')
  const area = bytes.readUInt32LE(lead + 4) * SECTOR + bytes.readUInt32LE(lead + 12)
  bytes.copy(bytes, area, lead, lead + 28)
  await expect(paths(bytes)).rejects.toMatchObject({ message: expect.stringMatching(/goes on for ever/) })
})

test('a large image with any byte changed is read or refused, and never more than that', async () => {
  const whole = await imageOf([...TREE, { path: 'l', symlink: 'a/'.repeat(200) }, file('n'.repeat(200))])
  const damage = fc.array(fc.record({ at: fc.nat(14 * SECTOR), value: fc.nat(255) }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(damage, async (changes) => {
      const bytes = Buffer.from(whole)
      for (const { at, value } of changes) bytes[16 * SECTOR + at] = value
      const outcome = await paths(bytes).catch((error: unknown) => error)
      if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ code: 'iso-read' })
    }),
    { numRuns: 1000 },
  )
})

const path = fc.array(names, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))
const content = fc.oneof(
  fc.nat(5000).map((size) => ({ source: bytesSource(Buffer.alloc(size, size)) })),
  fc.constant({ directory: true as const }),
  path.map((symlink) => ({ symlink })),
)

test('any tree comes back as it was', async () => {
  const tree = fc.uniqueArray(fc.record({ path, content }), { maxLength: 25, selector: (entry) => entry.path })
  await fc.assert(
    fc.asyncProperty(tree, async (drawn) => {
      const inTheWay = drawn.filter(({ content }) => !('directory' in content)).map((entry) => entry.path)
      const entries = drawn
        .filter((entry) => !inTheWay.some((above) => entry.path.startsWith(`${above}/`)))
        .map(({ path, content }): Entry => ({ path, ...content }))
      const image = await openIso(mediumOf(await bytesOf(planOf(entries))))
      const listed = new Map((await image.list()).map((found) => [found.path, found]))
      for (const entry of entries) {
        const found = listed.get(entry.path)
        if ('symlink' in entry) expect(found).toMatchObject({ kind: 'symlink', target: entry.symlink })
        else if ('directory' in entry) expect(found?.kind).toBe('directory')
        else {
          const expected = await entry.source.read(0, entry.source.size)
          expect(Buffer.from(await image.read(entry.path, 5000)).equals(expected)).toBe(true)
        }
        listed.delete(entry.path)
      }
      // What is left are the directories above.
      for (const { path, kind } of listed.values()) {
        expect(kind).toBe('directory')
        expect(entries.some((entry) => entry.path.startsWith(`${path}/`))).toBe(true)
      }
    }),
  )
})

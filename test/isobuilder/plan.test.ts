import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planIso } from '../../src/isobuilder/plan.ts'
import { openIso } from '../../src/isobuilder/reader.ts'
import type { Entry } from '../../src/isobuilder/tree.ts'
import { SECTION_BYTES } from '../../src/isobuilder/tree.ts'
import { bytesOf, file, imageOf, mediumOf, mediumOfPlan, patternAt, patternSource, planOf } from './image-bytes.ts'

const TASK: readonly Entry[] = [
  file('recipe.json', '{}\n'),
  file('user-data', '#cloud-config\n'),
  file('ks.cfg', ''),
  file('drivers/a.bin', 'a'),
  { path: 'drivers/latest', symlink: 'a.bin' },
]

const SECTOR = 2048

function record(bytes: Buffer, sector: number, index: number): Buffer {
  let at = sector * SECTOR
  for (let skip = index; skip > 0; skip--) at += bytes[at] ?? 0
  return bytes.subarray(at, at + (bytes[at] ?? 0))
}

test('the image of a small tree, byte for byte', async () => {
  const plan = planOf(TASK, 'TASK_1')
  const bytes = await bytesOf(plan)
  expect(bytes.length).toBe(31 * SECTOR)
  // The structures have golden tests of their own; this one notices every other change of the format.
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(
    'a5d3a11c70790c7100a8ac0a184e2d15840a48463fe11c4e6c6149d31cafc6bb',
  )
})

test('the first sectors are the system area, then primary descriptor, Joliet descriptor, terminator', async () => {
  const bytes = await imageOf(TASK, 'TASK_1')
  expect(bytes.subarray(0, 16 * SECTOR).every((byte) => byte === 0)).toBe(true)
  const heads = [16, 17, 18].map((sector) => bytes.toString('latin1', sector * SECTOR, sector * SECTOR + 7))
  expect(heads).toEqual(['\x01CD001\x01', '\x02CD001\x01', '\xffCD001\x01'])
  expect(bytes.toString('latin1', 17 * SECTOR + 88, 17 * SECTOR + 91)).toBe('%/E')
})

test('the primary descriptor says size, tables and root, in both byte orders, and no date', async () => {
  const bytes = await imageOf(TASK, 'TASK_1')
  const pvd = bytes.subarray(16 * SECTOR, 17 * SECTOR)
  expect(pvd.toString('latin1', 40, 72)).toBe('TASK_1'.padEnd(32))
  expect([pvd.readUInt32LE(80), pvd.readUInt32BE(84)]).toEqual([31, 31])
  expect(pvd.subarray(120, 132).toString('hex')).toBe('01000001' + '01000001' + '00080800')
  expect([pvd.readUInt32LE(140), pvd.readUInt32BE(148)]).toEqual([19, 20])
  expect(pvd.subarray(156, 166).toString('hex')).toBe('2200' + '1700000000000017')
  expect(pvd.toString('latin1', 813, 881)).toBe(`${'0'.repeat(16)}\0`.repeat(4))
  expect(pvd.toString('latin1', 883, 883 + 512)).toBe(' '.repeat(512))
  expect(pvd.subarray(1395).every((byte) => byte === 0)).toBe(true)
})

test('"." of the root points at the root and begins with SP; ".." of the root is the root', async () => {
  const bytes = await imageOf(TASK)
  expect(record(bytes, 23, 0).subarray(0, 41).toString('hex')).toBe(
    '8400' +
      '1700000000000017' +
      '0008000000000800' +
      '50010100000000' +
      '020000' +
      '01000001' +
      '0100' +
      '53500701beef00',
  )
  expect(record(bytes, 23, 1).subarray(0, 34).toString('hex')).toBe(
    '6000' + '1700000000000017' + '0008000000000800' + '50010100000000' + '020000' + '01000001' + '0101',
  )
})

test('what fills a sector of records exactly stays in it; one more begins the next', async () => {
  // 136 and 96 bytes of "." and ".."; a record with a name of n bytes takes 33 + id + pad + 62 + 5 + n, made even.
  const names = (count: number) =>
    Array.from({ length: count }, (_, index) => file(`f${String(index).padStart(3, '0')}`))
  const sizes = new Map<number, number>()
  for (let count = 10; count < 60; count++) {
    const bytes = await imageOf(names(count))
    sizes.set(count, record(bytes, 23, 0).readUInt32LE(10))
  }
  const first = [...sizes].find(([, size]) => size > SECTOR)?.[0] ?? 0
  expect(sizes.get(first)).toBe(2 * SECTOR)
  const bytes = await imageOf(names(first))
  // The tail of the first sector is unused, and the next record begins the second.
  expect(bytes[24 * SECTOR]).toBe(record(bytes, 23, 2)[0])
  expect([...sizes.values()]).toEqual([...sizes.values()].sort((a, b) => a - b))
})

test('empty files and links have no sector', async () => {
  const plan = planOf([file('a', ''), file('b', 'b'), { path: 'c', symlink: 'b' }])
  expect(plan.segments.filter((segment) => 'source' in segment)).toHaveLength(1)
})

test('equal entries give equal plans in any order; another content, name or label gives another digest', () => {
  const digest = planOf(TASK).digest
  const orders = fc.shuffledSubarray([...TASK], { minLength: TASK.length, maxLength: TASK.length })
  fc.assert(fc.property(orders, (entries) => planOf(entries).digest === digest))
  const digests = [
    planOf(TASK, 'OTHER'),
    planOf([...TASK, file('x')]),
    planOf([...TASK.slice(1), file('recipe.json', '[]\n')]),
  ]
  expect(new Set([digest, ...digests.map((plan) => plan.digest)]).size).toBe(4)
})

test('media of equal shape differ in what Windows and Linux take for their identity', async () => {
  const [one, two] = await Promise.all([imageOf([file('a', '1')]), imageOf([file('a', '2')])])
  const sums = [one, two].map((bytes) =>
    [16, 17].map((sector) => {
      let sum = 0
      for (let at = sector * SECTOR; at < (sector + 1) * SECTOR; at += 4) sum = (sum + bytes.readUInt32LE(at)) >>> 0
      return sum
    }),
  )
  expect(sums[0]?.[0]).not.toBe(sums[1]?.[0])
  expect(sums[0]?.[1]).not.toBe(sums[1]?.[1])
})

test('time zone, locale, directory, umask and process leave no trace', async () => {
  const script = (umask: number) => `
    process.umask(${umask})
    import { planIso } from ${JSON.stringify(join(import.meta.dirname, '../../src/isobuilder/plan.ts'))}
    import { bytesSource } from ${JSON.stringify(join(import.meta.dirname, '../../src/isobuilder/source.ts'))}
    const names = ['z', 'ä', 'Z', 'i', 'I', 'ı', 'a/b']
    const entries = names.map((path) => ({ path, source: bytesSource(Buffer.from(path)) }))
    console.log(planIso(entries, { label: 'TEST' }).plan.digest)`
  const run = async (TZ: string, LC_ALL: string, umask: number, cwd: string) => {
    const argv = ['--input-type=module', '-e', script(umask)]
    return (await promisify(execFile)(process.execPath, argv, { env: { TZ, LC_ALL }, cwd })).stdout
  }
  const [here, there] = await Promise.all([
    run('UTC', 'C', 0o022, import.meta.dirname),
    run('Pacific/Auckland', 'tr_TR.UTF-8', 0o777, '/'),
  ])
  expect(here).toMatch(/^sha256:[0-9a-f]{64}\n$/)
  expect(there).toBe(here)
})

test('more directories than can be numbered are refused', () => {
  const directories = Array.from({ length: 65_535 }, (_, index): Entry => ({ path: `d${index}`, directory: true }))
  expect(planIso(directories, { label: 'TEST' })).toMatchObject({
    ok: false,
    problems: [{ path: '', code: 'directories' }],
  })
})

test('an image above 8 TiB is refused', () => {
  const size = 100 * SECTION_BYTES
  const entries = Array.from({ length: 21 }, (_, index): Entry => ({ path: `f${index}`, source: patternSource(size) }))
  expect(planIso(entries, { label: 'TEST' })).toMatchObject({ ok: false, problems: [{ path: '', code: 'image-size' }] })
})

test.for([
  [SECTION_BYTES - 1, [[SECTION_BYTES - 1, 0]]],
  [SECTION_BYTES, [[SECTION_BYTES, 0]]],
  [
    SECTION_BYTES + 1,
    [
      [SECTION_BYTES, 0x80],
      [1, 0],
    ],
  ],
  [
    5 * 2 ** 30,
    [
      [SECTION_BYTES, 0x80],
      [5 * 2 ** 30 - SECTION_BYTES, 0],
    ],
  ],
] as const)('a file of %i bytes has the sections %j', async ([size, sections]) => {
  const plan = planOf([{ path: 'big.img', source: patternSource(size) }, file('z', 'end')])
  const head = await bytesOf(plan, 0, 27 * SECTOR)
  // Sector 24 has the continuation of the first record of the root.
  for (const tree of [23, 25]) {
    const records = sections.map((_, index) => record(head, tree, 2 + index))
    expect(records.map((bytes) => [bytes.readUInt32LE(10), bytes[25]])).toEqual(sections)
    expect(records.map((bytes) => bytes.readUInt32BE(14))).toEqual(sections.map(([length]) => length))
    // Next to each other, under the same name.
    const first = records[0]?.readUInt32LE(2) ?? 0
    expect(records.map((bytes) => bytes.readUInt32LE(2))).toEqual(sections.map((_, i) => first + i * 0x1fffff))
    expect(new Set(records.map((bytes) => bytes.subarray(32).toString('hex'))).size).toBe(1)
  }
  expect(plan.size).toBe((26 + Math.ceil(size / SECTOR) + 1) * SECTOR)
})

test('a file of 5 GiB is read across the border of its sections', async () => {
  const size = 5 * 2 ** 30
  const plan = planOf([{ path: 'big.img', source: patternSource(size) }])
  const image = await openIso(mediumOfPlan(plan))
  expect(await image.list()).toMatchObject([{ path: 'big.img', size }])
  const border = 26 * SECTOR + SECTION_BYTES
  const bytes = await bytesOf(plan, border - 3, border + 3)
  expect([...bytes]).toEqual([-3, -2, -1, 0, 1, 2].map((offset) => patternAt(SECTION_BYTES + offset)))
})

test('names, links and depth at their limits come back', async () => {
  const entries: Entry[] = [
    file('n'.repeat(253)),
    file('é'.repeat(126)),
    file(`${'d/'.repeat(127)}f`),
    { path: 'components', symlink: '../'.repeat(341) },
    { path: 'l'.repeat(253), symlink: 'x'.repeat(1024) },
  ]
  const image = await openIso(mediumOf(await imageOf(entries)))
  const listed = new Map((await image.list()).map((found) => [found.path, found]))
  for (const entry of entries) expect(listed.has(entry.path), entry.path).toBe(true)
  expect(listed.get('components')?.target).toBe('../'.repeat(341).slice(0, -1))
  expect(listed.get('l'.repeat(253))?.target).toBe('x'.repeat(1024))
})

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { extractIso, linksLeadingOut } from '../../src/isobuilder/extract.ts'
import { lintDescriptors } from '../../src/isobuilder/lint/descriptors.ts'
import { createReport } from '../../src/isobuilder/lint/finding.ts'
import { lintMedium } from '../../src/isobuilder/lint/medium.ts'
import { lintRecords } from '../../src/isobuilder/lint/records.ts'
import { lintRockRidge } from '../../src/isobuilder/lint/rock-ridge.ts'
import { createSpace } from '../../src/isobuilder/lint/space.ts'
import { lintTree } from '../../src/isobuilder/lint/tree.ts'
import type { IsoFile, IsoImage } from '../../src/isobuilder/reader.ts'
import { openIso } from '../../src/isobuilder/reader.ts'
import { parseRecords } from '../../src/isobuilder/reader-records.ts'
import { scratch } from '../support/scratch.ts'
import { file, imageOf, mediumOf } from './image-bytes.ts'
import { lintBytes } from './lint/lint-image.ts'

/** Images that were made to fill a disk, or to keep a reader busy for days. */

const never = new AbortController().signal
const SECTOR = 2048
const COUNT = 40

/** Every small file lies on the whole of a large one. */
async function bomb(): Promise<Buffer> {
  const names = Array.from({ length: COUNT }, (_, index) => `F${index}`)
  const image = await imageOf([file('BIG', 'x'.repeat(1024 * 1024)), ...names.map((name) => file(name, 'x'))])
  const recordOf = (name: string) => image.indexOf(`${name}.;1`) - 33
  const big = recordOf('BIG')
  for (const name of names) image.copy(image, recordOf(name) + 2, big + 2, big + 18)
  return image
}

test('an image whose files are many times larger than itself is not extracted', async () => {
  const directory = scratch()
  const image = await openIso(mediumOf(await bomb()))
  expect((await image.list()).reduce((sum, { size }) => sum + size, 0)).toBe((COUNT + 1) * 1024 * 1024)
  await expect(extractIso(image, join(directory, 'to'), never)).rejects.toMatchObject({
    code: 'iso-read',
    message: expect.stringMatching(/its files have 42991616 bytes, the image/),
  })
  expect(await readdir(directory)).toEqual([])
})

test('hard links, which share their bytes too, are extracted', async () => {
  const image: IsoImage = await openIso(mediumOf(await imageOf([file('a', 'x'.repeat(100 * SECTOR))])))
  const directory = scratch()
  const [one] = await image.list()
  const names = ['a', 'b', 'c']
  const linked = {
    ...image,
    list: async () => names.map((path) => ({ ...(one as IsoFile), path })),
    stream: () => image.stream('a'),
  }
  await extractIso(linked, join(directory, 'to'), never)
  expect(await readdir(join(directory, 'to'))).toEqual(names)
})

test('a checker does not read more contents than the image has', async () => {
  const image = await bomb()
  let read = 0
  const counted = mediumOf(image)
  const findings = await lintBytes(image, { contents: true }, async (offset, length) => {
    read += length
    return counted(offset, length)
  })
  expect(findings.map(({ code }) => code)).toContain('limit')
  expect(read).toBeLessThan(4 * image.length)
})

test('a checker keeps of a name what Linux reads, and of paths no more than it can hold', async () => {
  const report = createReport()
  const part = Buffer.concat([Buffer.from('NM\xff\x01\x01', 'latin1'), Buffer.alloc(250, ' ')])
  const entries = Array.from({ length: 200 }, () => ({ signature: 'NM', bytes: part, offset: 0 }))
  expect(lintRockRidge(report, entries, 'x', false).name).toHaveLength(253)

  const image = await imageOf([file(`${'d'.repeat(200)}/${'f'.repeat(200)}`)])
  const medium = lintMedium(mediumOf(image), image.length, report)
  const space = createSpace()
  const { primary } = await lintDescriptors(report, medium, space)
  if (primary === undefined) expect.fail('no volume')
  const lint = { report, medium, space, sectors: primary.sectors }
  await lintTree(lint, primary, 601)
  expect(report.findings(true).map(({ code }) => code)).not.toContain('limit')
  await lintTree(lint, primary, 600)
  expect(report.findings(true).map(({ code }) => code)).toContain('limit')
})

test('links that lead through thousands of names each are given up, soon', () => {
  const links = Array.from({ length: 3000 }, (_, index): IsoFile => {
    const target = `${'./'.repeat(2000)}l${index + 1}`
    return { path: `l${index}`, kind: 'symlink', size: 0, mode: 0o777, target }
  })
  expect(() => linksLeadingOut(links)).toThrow(/go on for ever/)
})

test('the records of a directory are not all held before their number is looked at', () => {
  const record = Buffer.alloc(34)
  record.writeUInt8(34, 0)
  record.writeUInt8(1, 32)
  const sector = Buffer.alloc(SECTOR)
  for (let at = 0; at + 34 <= SECTOR; at += 34) record.copy(sector, at)
  const bytes = Buffer.concat(Array.from({ length: 100 }, () => sector))
  expect(() => parseRecords(bytes, 'a', 1000)).toThrow('more than 1000 files')
  const records = lintRecords(createReport(), { bytes, offset: 0 }, 'a', 1000)
  expect(records.length).toBeGreaterThan(1000)
  expect(records.length).toBeLessThan(1100)
})

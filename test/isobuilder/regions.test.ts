import { expect, test } from 'vitest'
import { planIso } from '../../src/isobuilder/plan.ts'
import { imageRegions } from '../../src/isobuilder/regions.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import { file, mediumOfPlan, patternSource, planOf } from './image-bytes.ts'

const MiB = 1024 * 1024

/** The front of a FAT16 file system: 512-byte sectors, 1 reserved, 2 tables of 8, 512 root entries. */
function fat(): Buffer {
  const bytes = Buffer.alloc(2 * MiB)
  bytes.writeUInt16LE(512, 11)
  bytes.writeUInt16LE(1, 14)
  bytes[16] = 2
  bytes.writeUInt16LE(512, 17)
  bytes.writeUInt16LE(8, 22)
  bytes.set([0x55, 0xaa], 510)
  return bytes
}

test('boot record, catalog, boot partition, what it starts, root images and other files are told apart', async () => {
  const entries = [
    { path: 'layers/10-base.erofs', source: patternSource(5 * MiB) },
    file('images/vmlinuz', 'k'.repeat(3000)),
    file('README', 'text'),
    file('empty', ''),
  ]
  const result = planIso(entries, { label: 'BOOT', boot: { esp: bytesSource(fat()) } })
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  const regions = await imageRegions(mediumOfPlan(result.plan), result.plan.size)
  const byKind = regions.map(({ kind, name, start, end }) => [kind, name, end - start, start % 2048])
  expect(byKind).toEqual([
    ['boot-record', 'boot record', 2048, 0],
    ['boot-record', 'boot catalog', 2048, 0],
    ['file', 'README', 4, 0],
    ['kernel', 'images/vmlinuz', 3000, 0],
    ['root', 'layers/10-base.erofs', 5 * MiB, 0],
    ['esp', 'boot partition', (1 + 16 + 32) * 512, 0],
    ['kernel', 'files of the boot partition', 2 * MiB - 49 * 512, (49 * 512) % 2048],
  ])
  for (const [index, { start }] of regions.entries()) expect(start).toBeGreaterThanOrEqual(regions[index - 1]?.end ?? 0)
})

test('a data image has files alone', async () => {
  const plan = planOf([file('recipe.json')])
  expect((await imageRegions(mediumOfPlan(plan), plan.size)).map(({ kind }) => kind)).toEqual(['file'])
})

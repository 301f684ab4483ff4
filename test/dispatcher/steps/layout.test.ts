import fc from 'fast-check'
import { expect, test } from 'vitest'
import { configDriveSlot, layoutDisk } from '../../../src/dispatcher/steps/layout.ts'
import type { Partition, Recipe } from '../../../src/shared/recipe/schema.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB

function recipe(layout: readonly Partition[], more: Partial<Recipe> = {}): Recipe {
  return { task_target: 'install-linux.target', partition_layout: layout, ...more }
}

const part = (size: string, more: Partial<Partition> = {}): Partition => ({ size, format: 'ext4', ...more })

test.for<[string, readonly string[], number, readonly number[]]>([
  ['everything for one', ['100%'], 1026 * MIB, [1024]],
  ['fixed sizes, then the rest', ['512MiB', '100%'], 2 * GIB, [512, 1534]],
  ['the rest in the middle', ['1G', '100%', '64MiB'], 4 * GIB, [1024, 3006, 64]],
  ['shares of what the fixed sizes leave', ['1024MiB', '25%', '50%'], 3 * GIB, [1024, 511, 1023]],
  ['what rounding leaves goes to the last share', ['33%', '33%', '34%'], 103 * MIB, [33, 33, 35]],
  ['a size that is no whole MiB is rounded up', ['1025K', '1048577'], GIB, [2, 2]],
])('%s: %j', ([, sizes, disk, expected]) => {
  const slots = layoutDisk(recipe(sizes.map((size) => part(size))), disk)
  expect(slots.map(({ bytes }) => bytes / MIB)).toEqual(expected)
})

test.for<[string, readonly string[], number, string]>([
  ['a disk smaller than the fixed sizes', ['20G'], 10 * GIB, 'they need 20.0 GiB and the disk has room for 10.0 GiB'],
  ['a share of nothing', ['1022MiB', '100%'], GIB, 'the fixed sizes leave 0 B, nothing for partition 2'],
  ['a disk of no size', ['1MiB'], 0, 'the disk has room for 0 B'],
])('%s is refused', ([, sizes, disk, message]) => {
  expect(() => layoutDisk(recipe(sizes.map((size) => part(size))), disk)).toThrow(message)
})

test('a share that is too small for its file system on this disk is refused, and one of just enough is not', () => {
  const layout: Partition[] = [part('50%'), { size: '25%', format: 'xfs' }, { size: '25%', format: 'btrfs' }]
  const small = 'partition 2 comes to 299 MiB on this disk, and xfs needs 300 MiB'
  expect(() => layoutDisk(recipe(layout), 1198 * MIB)).toThrow(small)
  expect(layoutDisk(recipe(layout), 1202 * MIB)[1]?.bytes).toBe(300 * MIB)
  const last = layout.with(1, part('25%'))
  expect(() => layoutDisk(recipe(last), 400 * MIB)).toThrow('and btrfs needs 109 MiB')
})

test('partitions begin after the first MiB, follow each other, and leave the last MiB', () => {
  const sizes = fc.array(
    fc.oneof(
      fc.integer({ min: 1, max: 3 * GIB }).map(String),
      fc.integer({ min: 1, max: 12 }).map((n) => `${n}%`),
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  fc.assert(
    fc.property(sizes, fc.integer({ min: 32 * GIB, max: 64 * GIB }), (list, disk) => {
      let next = MIB
      for (const { start, bytes } of layoutDisk(recipe(list.map((size) => part(size))), disk)) {
        expect(start).toBe(next)
        expect(bytes % MIB).toBe(0)
        expect(bytes).toBeGreaterThan(0)
        next += bytes
      }
      expect(next).toBeLessThanOrEqual(disk - MIB)
    }),
  )
})

test('types follow from what a partition is for, unless the recipe says otherwise', () => {
  const layout: Partition[] = [
    { size: '1G', format: 'vfat', mountpoint: '/boot/efi', label: 'esp' },
    part('1G', { mountpoint: '/' }),
    part('1G', { mountpoint: '/var' }),
    { size: '1G', format: 'swap' },
    { size: '1G', format: 'vfat' },
    { size: '1G', format: 'none', type_guid: '21686148-6449-6e6f-744e-656564454649' },
  ]
  const slots = layoutDisk(recipe(layout), 10 * GIB)
  expect(slots.map(({ type }) => type.slice(0, 8))).toEqual([
    'C12A7328',
    '4F68BCE3',
    '0FC63DAF',
    '0657FD6D',
    'EBD0A0A2',
    '21686148',
  ])
  expect(slots[0]?.label).toBe('ESP')
})

test.for<[string, Partial<Recipe>, readonly Partition[], number | undefined]>([
  ['is added at the end for user-data', { user_data: '#cloud-config\n' }, [part('100%')], 2],
  ['is added for meta-data alone', { meta_data: 'instance-id: a\n' }, [part('100%')], 2],
  [
    'is the one the recipe has',
    { user_data: 'x' },
    [{ size: '8MiB', format: 'vfat', label: 'cidata' }, part('100%')],
    1,
  ],
  ['is not there without anything to write', {}, [part('100%')], undefined],
])('the NoCloud drive %s', ([, more, layout, expected]) => {
  const slots = layoutDisk(recipe(layout, more), 4 * GIB)
  expect(configDriveSlot(slots)?.number).toBe(expected)
  expect(slots).toHaveLength(Math.max(layout.length, expected ?? 0))
})

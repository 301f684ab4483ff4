import { expect, test } from 'vitest'
import type { TableFacts } from '../../../src/dispatcher/imaging/partition-table.ts'
import type { Disk } from '../../../src/dispatcher/steps/disk.ts'
import { parseTable, planAppend, planGrow } from '../../../src/dispatcher/steps/disk-table.ts'
import { ostreePlace } from '../../../src/dispatcher/steps/files.ts'
import { planGrowFileSystem } from '../../../src/dispatcher/steps/grow.ts'
import { checkFits, checkTable, type Place } from '../../../src/dispatcher/steps/image-checks.ts'
import { configDriveOf } from '../../../src/dispatcher/steps/late-binding.ts'
import { SAMPLE_DISK } from './sample-disk.ts'

const [MIB, GIB] = [1024 ** 2, 1024 ** 3]
const DISK: Disk = { ...SAMPLE_DISK, serial: 'S-1' }
const DRIVE = { bytes: 64 * MIB, type: { gpt: 'GUID', dos: 'c' }, label: 'CIDATA' }

/** What `sfdisk --json` says of a table of this disk; the root is the last one on it, but not by number. */
function table(label: 'gpt' | 'dos', rootSectors = 2_000_000) {
  const partitions = [
    { node: '/dev/vda3', start: 100_352, size: rootSectors, type: 'R' },
    { node: '/dev/vda1', start: 2048, size: 98_304, type: 'E' },
  ]
  const facts = { label, sectorsize: 512, partitions, ...(label === 'gpt' && { lastlba: 8_388_574 }) }
  return parseTable(JSON.stringify({ partitiontable: facts }), DISK)
}

test.for<['gpt' | 'dos', string]>([
  ['gpt', 'start=8255488, size=131072, type=GUID, name=CIDATA\n'],
  ['dos', 'start=8257536, size=131072, type=c\n'],
])('the NoCloud partition of a %s disk lies at its end, on a boundary of 1 MiB', ([label, stdin]) => {
  expect(planAppend(DISK, table(label), DRIVE).stdin).toBe(stdin)
})

test('an image that fills its disk leaves no room for it', () => {
  expect(() => planAppend(DISK, table('gpt', 8_200_000), DRIVE)).toThrow('the image leaves no room for it')
})

test.for<[string, number, string | undefined]>([
  ['up to the end of the disk', 2_000_000, ', 8286208\n'],
  ['not at all when it is there already', 8_286_208, undefined],
])('the last partition grows %s', ([, size, stdin]) => {
  const found = table('gpt', size)
  const [root] = found.partitions
  expect(root && planGrow(DISK, found, root)?.stdin).toBe(stdin)
  expect(root?.number).toBe(3)
})

test('on a disk above 2 TiB everything of an MBR stays where it can count to', () => {
  const large = { ...DISK, bytes: 4e12 }
  const root = { node: '/dev/vda1', start: 2048, size: 2_000_000, type: '83' }
  const facts = { label: 'dos', sectorsize: 512, partitions: [root] }
  const found = parseTable(JSON.stringify({ partitiontable: facts }), large)
  const ends = (stdin: string | undefined, start: number) =>
    start + Number(/(\d+)\n$|size=(\d+)/.exec(stdin ?? '')?.[1])
  expect(planAppend(large, found, DRIVE).stdin).toBe('start=4294834176, size=131072, type=c\n')
  expect(ends(found.partitions[0] && planGrow(large, found, found.partitions[0])?.stdin, 2048)).toBe(2 ** 32 - 2048)
})

test('a partition grows up to what follows it and no further', () => {
  const found = table('gpt')
  const [, esp] = found.partitions
  expect(esp && planGrow(DISK, found, esp)).toBeUndefined()
})

test.for([
  ['ext4', 'e2fsck -f -p /dev/vda3; resize2fs /dev/vda3'],
  ['xfs', 'xfs_growfs /mnt/x'],
  ['btrfs', 'btrfs filesystem resize max /mnt/x'],
])('%s grows by its own program', ([type, expected]) => {
  const { unmounted, mounted } = planGrowFileSystem('/dev/vda3', type, '/mnt/x')
  expect([...unmounted, ...mounted].map(({ argv }) => argv.join(' ')).join('; ')).toBe(expected)
})

test.for(['LVM2_member', 'vfat', undefined])('%s cannot grow, and that is said', (type) => {
  expect(() => planGrowFileSystem('/dev/vda3', type, '/mnt/x')).toThrow(`it holds ${type ?? 'no file system'}`)
})

test('an MBR that only protects a GPT is no table to go on with', () => {
  const partitions = [{ node: '/dev/vda1', start: 1, size: 1_048_575, type: 'ee' }]
  const listing = JSON.stringify({ partitiontable: { label: 'dos', sectorsize: 4096, partitions } })
  expect(() => parseTable(listing, { ...DISK, sectorBytes: 4096 })).toThrow('a GPT that this disk cannot show')
})

const RAW = { format: 'raw', content: [] as never } as const
const ESP = { endBytes: 64 * MIB, kind: 'esp', name: 'ESP' } as const
const ROOT = { endBytes: GIB, kind: 'other', name: 'root' } as const
const FACTS = { label: 'gpt', sectorBytes: 512, endBytes: GIB, partitions: [ESP, ROOT] } as const
const PLACE: Place = { disk: DISK, recipe: { task_target: 'install-image.target' }, uefi: true }

test.for<[string, Parameters<typeof checkFits>[0], Partial<Disk>, string]>([
  [
    'whose table ends behind the disk',
    { ...RAW, fileBytes: undefined, table: { ...FACTS, endBytes: 5 * GIB } },
    {},
    'the image is for 5.0 GiB (5368709120 bytes) and it has 4.0 GiB (4294967296 bytes)',
  ],
  ['whose file is larger than the disk', { ...RAW, fileBytes: 6 * GIB, table: FACTS }, {}, 'for 6.0 GiB'],
  [
    'whose qcow2 describes a larger disk',
    { format: 'qcow2', content: [] as never, fileBytes: 1, bytes: 9 * GIB },
    {},
    'for 9.0 GiB',
  ],
  [
    'for other sectors',
    { ...RAW, fileBytes: undefined, table: FACTS },
    { sectorBytes: 4096 },
    'sectors of 512 bytes and the disk in 4096',
  ],
  [
    'that was cut before it was uploaded',
    { ...RAW, fileBytes: GIB - 1, table: FACTS },
    {},
    'its last partition ends at byte 1073741824, and it has 1073741823: it was cut off',
  ],
])('an image %s is refused', ([, image, disk, message]) => {
  expect(() => checkFits(image, { ...PLACE, disk: { ...DISK, ...disk } })).toThrow(message)
})

test('an image without an ESP is refused where UEFI has started the server, unless its partitions cannot be told', () => {
  const check = (partitions: TableFacts['partitions'], uefi: boolean) => () =>
    checkTable({ ...FACTS, partitions }, { ...PLACE, uefi })
  expect(check([ROOT], true)).toThrow('it has no EFI system partition, and this server was started by UEFI')
  expect(check([ROOT], false)).not.toThrow()
  expect(check([ROOT, ESP], true)).not.toThrow()
  expect(check([{ ...ROOT, kind: 'unknown' }], true)).not.toThrow()
  expect(check(undefined, true)).not.toThrow()
  const fat: TableFacts['partitions'] = [ROOT, { ...ESP, kind: 'data' }]
  expect(check(fat, true)).toThrow('no EFI system partition')
  expect(() => checkTable({ ...FACTS, label: 'dos', partitions: fat }, { ...PLACE, uefi: true })).not.toThrow()
})

test('an image that leaves no room for the user-data is refused before it is written, unless it may have a place for them', () => {
  const recipe = { ...PLACE.recipe, user_data: '#cloud-config\n' }
  // As in the table above: the partition would begin in sector 8255488.
  const check =
    (endBytes: number, more: object[] = [], place: Partial<Place> = { recipe }) =>
    () =>
      checkTable({ ...FACTS, partitions: [ESP, { ...ROOT, endBytes }, ...(more as [])] }, { ...PLACE, ...place })
  expect(check(8_255_488 * 512)).not.toThrow()
  expect(check(8_255_489 * 512)).toThrow('the image leaves no room for the 64 MiB of the user-data')
  expect(check(8_255_489 * 512, [], {})).not.toThrow()
  expect(check(8_255_489 * 512, [{ endBytes: MIB, kind: 'other', name: 'CIDATA' }])).not.toThrow()
  expect(check(8_255_489 * 512, [{ endBytes: MIB, kind: 'data', name: '' }])).not.toThrow()
})

test('no partition is appended to an MBR of four, nor behind 2 TiB of one', () => {
  const recipe = { ...PLACE.recipe, user_data: '#cloud-config\n' }
  const check =
    (partitions: TableFacts['partitions'], bytes = 4e12) =>
    () =>
      checkTable({ ...FACTS, label: 'dos', partitions }, { recipe, uefi: false, disk: { ...DISK, bytes } })
  const one = { endBytes: MIB, kind: 'other' } as const
  expect(check([one, one, one])).not.toThrow()
  expect(check([one, one, one, one])).toThrow('has four partitions, and there is none left for the user-data')
  expect(check([one, one, one, { ...one, kind: 'data' }])).not.toThrow()
  expect(check([{ ...one, endBytes: 2 ** 41 - 65 * MIB }])).not.toThrow()
  expect(check([{ ...one, endBytes: 2 ** 41 - 64 * MIB }])).toThrow('the image leaves no room for the 64 MiB')
})

test.for<[string, TableFacts['partitions'], string | undefined]>([
  ['a root file system', [ESP, ROOT], undefined],
  ['what may hold anything', [ESP, { ...ROOT, kind: 'data' }], undefined],
  ['the ESP', [{ ...ROOT, endBytes: MIB }, ESP], 'the last partition is the EFI system partition'],
  ['swap', [ESP, { ...ROOT, kind: 'swap' }], 'the last partition is swap space'],
  ['LVM', [ESP, { ...ROOT, kind: 'lvm' }], 'the last partition is a physical volume of LVM'],
  ['a logical partition', [ESP, { ...ROOT, kind: 'unknown' }], 'the last partition is an extended one'],
])('that %s cannot grow is found out before anything is written, if it cannot', ([, partitions, message]) => {
  const recipe = { ...PLACE.recipe, grow_last_partition: true }
  const check = () => checkTable({ ...FACTS, partitions }, { ...PLACE, recipe })
  if (message === undefined) expect(check).not.toThrow()
  else expect(check).toThrow(message)
  expect(() => checkTable({ ...FACTS, partitions }, PLACE)).not.toThrow()
})

test('a NoCloud partition of the image is used again, unless it cannot be written', () => {
  const row = { path: '/dev/vda3', type: 'part', fstype: 'vfat', label: 'cidata', partlabel: null, parttype: null }
  const listing = (change: object) =>
    JSON.stringify({
      blockdevices: [
        { ...row, type: 'disk' },
        { ...row, ...change },
      ],
    })
  expect(configDriveOf(listing({}))).toBe('/dev/vda3')
  expect(configDriveOf(listing({ fstype: null, label: null, partlabel: 'CIDATA' }))).toBe('/dev/vda3')
  expect(configDriveOf(listing({ fstype: 'iso9660' }))).toBeUndefined()
  expect(configDriveOf(listing({ label: 'data' }))).toBeUndefined()
  expect(configDriveOf(listing({ parttype: 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7' }))).toBe('/dev/vda3')
  // Its boot loader would go.
  expect(configDriveOf(listing({ parttype: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b' }))).toBeUndefined()
  expect(configDriveOf(listing({ parttype: '0xef' }))).toBeUndefined()
  expect(configDriveOf(listing({ parttype: '0xc' }), '/dev/vda3')).toBeUndefined()
})

test('an ostree system keeps /etc in its deployment and /var beside it, and takes nothing elsewhere', () => {
  const deployment = { directory: 'ostree/deploy/fedora/deploy/abc.0', variable: 'ostree/deploy/fedora/var' }
  expect(ostreePlace('/etc/a/b', deployment)).toBe('/ostree/deploy/fedora/deploy/abc.0/etc/a/b')
  expect(ostreePlace('/var/lib/x', deployment)).toBe('/ostree/deploy/fedora/var/lib/x')
  expect(() => ostreePlace('/usr/bin/x', deployment)).toThrow('takes files in /etc and /var only')
})

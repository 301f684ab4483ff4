import { expect, test } from 'vitest'
import { parsePrintedRecipe, parseRecipe, parseRecipeDocument } from '../../../src/shared/recipe/parse.ts'
import type { Recipe } from '../../../src/shared/recipe/schema.ts'
import { problemsOf } from './problems.ts'

const LINUX: Recipe = {
  task_target: 'install-linux.target',
  target_disk: '/dev/sda',
  oci_url: 'oci://192.0.2.1:8443/os/debian:13',
  partition_layout: [
    { size: '64MiB', format: 'vfat', mountpoint: '/boot/efi' },
    { size: '100%', format: 'ext4', mountpoint: '/' },
  ],
}

const ESP = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
const EFI_TOO = {
  size: '1GiB',
  format: 'vfat',
  mountpoint: '/boot/efi',
  type_guid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
}
const DATA = { size: '1GiB', format: 'ext4' }
const DRIVE = { size: '64MiB', format: 'vfat', label: 'CIDATA' }

function layout(sizes: readonly string[], esp: Record<string, unknown> = {}, ...more: Record<string, unknown>[]) {
  const root = sizes.map((size, index) => ({ size, format: 'ext4', mountpoint: index === 0 ? '/' : `/data${index}` }))
  return [{ size: '64MiB', format: 'vfat', mountpoint: '/boot/efi', ...esp }, ...root, ...more]
}

/** The first is the root. */
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ ...DATA, mountpoint: index === 0 ? '/' : `/data${index}` }))

const parseRecipeText = (text: string) => parseRecipe(parseRecipeDocument(text))

test('a recipe with five mistakes gives five answers with paths', () => {
  const recipe = {
    task_target: 'install-linux.target',
    target_disk: '/dev/sda1',
    oci_url: 'http://example',
    surprise: true,
    partition_layout: [
      { size: '12XB', format: 'vfat' },
      { size: '100%', format: 'ext5' },
    ],
  }
  expect(problemsOf(recipe)).toEqual([
    '/oci_url',
    '/partition_layout/0/size',
    '/partition_layout/1/format',
    '/surprise',
    '/target_disk',
  ])
})

test.for<[string, Partial<Recipe> | Record<string, unknown>, string[]]>([
  ['a good one', {}, []],
  ['no disk', { target_disk: undefined }, ['/target_disk']],
  ['two disks', { disk_selector: { serial: 'x' } }, ['/disk_selector']],
  ['a reference without repository', { oci_url: 'oci://host' }, ['/oci_url']],
  ['an upper-case repository', { oci_url: 'oci://host/OS:1' }, ['/oci_url']],
  ['shares above 100 %', { partition_layout: layout(['60%', '50%']) }, ['/partition_layout/2/size']],
  ['100 % before a fixed size', { partition_layout: layout(['100%', '1GiB']) }, []],
  ['100 % twice', { partition_layout: layout(['100%', '100%']) }, ['/partition_layout/2/size']],
  [
    'a vfat label of 12 characters',
    { partition_layout: layout(['100%'], { label: 'ABCDEFGHIJKL' }) },
    ['/partition_layout/0/label'],
  ],
  [
    'a vfat label with a dot',
    { partition_layout: layout(['100%'], { label: 'EFI.SYS' }) },
    ['/partition_layout/0/label'],
  ],
  ['an ext4 label with a dot', { partition_layout: layout(['50%'], {}, { ...DATA, label: 'a.b' }) }, []],
  ...(
    [
      ['xfs', '299MiB', '300MiB'],
      ['btrfs', '108MiB', '109MiB'],
    ] as const
  ).flatMap(([format, small, least]): [string, Record<string, unknown>, string[]][] => [
    [`a small ${format}`, { partition_layout: layout(['50%'], {}, { ...DATA, format, size: least }) }, []],
    [
      `too small an ${format}`,
      { partition_layout: layout(['50%'], {}, { ...DATA, format, size: small }) },
      ['/partition_layout/2/size'],
    ],
  ]),
  ['127 partitions and user-data', { user_data: 'x', partition_layout: layout([], {}, ...many(126)) }, []],
  ['128 partitions and no user-data', { partition_layout: layout([], {}, ...many(127)) }, []],
  [
    '128 partitions and user-data',
    { user_data: 'x', partition_layout: layout([], {}, ...many(127)) },
    ['/partition_layout'],
  ],
  [
    'a partition of no type',
    { partition_layout: layout(['50%'], {}, { ...DATA, type_guid: '00000000-0000-0000-0000-000000000000' }) },
    ['/partition_layout/2/type_guid'],
  ],
  [
    'a mount point twice',
    { partition_layout: [...layout(['100%']), { size: '1GiB', format: 'ext4', mountpoint: '/' }] },
    ['/partition_layout/2/mountpoint'],
  ],
  [
    'a second partition where the ESP goes',
    { partition_layout: layout(['100%'], { mountpoint: undefined, type_guid: ESP }, EFI_TOO) },
    ['/partition_layout/2/mountpoint'],
  ],
  [
    'an ESP that is ext4',
    { partition_layout: layout(['100%'], { type_guid: ESP, format: 'ext4' }) },
    ['/partition_layout/0/format'],
  ],
  [
    'an ESP without a file system',
    { partition_layout: layout(['100%'], { type_guid: ESP, format: 'none', mountpoint: undefined }) },
    ['/partition_layout/0/format'],
  ],
  [
    'a root that is vfat',
    { partition_layout: [...layout([]), { size: '100%', format: 'vfat', mountpoint: '/' }] },
    ['/partition_layout/1/format'],
  ],
  ['a NoCloud drive of its own', { partition_layout: layout(['50%'], {}, DRIVE) }, []],
  ...(
    [
      ['the ESP', layout(['100%'], { label: 'cidata' }), 0],
      ['an ESP by its type', layout(['100%'], { mountpoint: undefined, label: 'CIDATA', type_guid: ESP }), 0],
      ['mounted', layout(['100%'], {}, { ...DRIVE, mountpoint: '/seed' }), 2],
      ['ext4', layout(['100%'], {}, { ...DRIVE, format: 'ext4' }), 2],
    ] as const
  ).map(([how, partitions, index]): [string, Record<string, unknown>, string[]] => [
    `a NoCloud drive that is ${how}`,
    { partition_layout: partitions },
    [`/partition_layout/${index}/label`],
  ]),
  ['no ESP', { partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }] }, ['/partition_layout']],
  [
    'swap with a mount point',
    { partition_layout: [...layout(['100%']), { size: '1GiB', format: 'swap', mountpoint: '/s' }] },
    ['/partition_layout/2/mountpoint'],
  ],
  [
    'a size range upside down',
    { target_disk: undefined, disk_selector: { size: { min: '2TiB', max: '1TiB' } } },
    ['/disk_selector/size'],
  ],
  ['too large user-data', { user_data: 'ü'.repeat(600_000) }, ['/user_data']],
])('%s', ([, change, expected]) => {
  const recipe = Object.fromEntries(Object.entries({ ...LINUX, ...change }).filter(([, value]) => value !== undefined))
  expect(problemsOf(recipe)).toEqual(expected)
})

test.for<[string, boolean]>([
  ['/dev/sda', true],
  ['/dev/vda', true],
  ['/dev/nvme0n1', true],
  ['/dev/mmcblk0', true],
  ['/dev/disk/by-id/nvme-SAMSUNG_MZQL21T9HCJR_S64GNE0R123456', true],
  ['/dev/disk/by-path/pci-0000:00:1f.2-ata-1', true],
  ['/dev/mapper/mpatha', true],
  ['/dev/sda1', false],
  ['/dev/nvme0n1p2', false],
  ['/dev/disk/by-id/ata-x-part1', false],
  ['/dev/mapper/../../etc/passwd', false],
  ['/dev/mapper/..', false],
  ['/dev/sr0', false],
  ['/dev/loop0', false],
  ['sda', false],
  ['/dev/sda\n', false],
])('%j as target disk: %s', ([disk, accepted]) => {
  expect(problemsOf({ ...LINUX, target_disk: disk })).toEqual(accepted ? [] : ['/target_disk'])
})

test('what a controller has taken and printed can be read, whatever its texts have to escape', () => {
  const recipe = { ...LINUX, user_data: `#cloud-config\n${'"\n'.repeat(150_000)}` }
  const taken = parseRecipe({ ...recipe, partition_layout: layout(['50%'], {}, DRIVE) })
  expect(parsePrintedRecipe(JSON.stringify(taken, null, 2))).toMatchObject({ user_data: recipe.user_data })
})

test('YAML and JSON say the same', () => {
  const yaml = `task_target: supermicro-update.target
firmware_url: https://192.0.2.1/x.bin
firmware_sha256: '${'0'.repeat(64)}'
firmware_tool:
  image: oci://192.0.2.1/sum:1
  arguments: [-u, '{file}']
`
  expect(parseRecipeText(yaml)).toEqual(parseRecipeText(JSON.stringify(parseRecipeText(yaml))))
})

test.for([
  [
    'a YAML bomb',
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]`,
  ],
  ['a key twice', 'task_target: a.target\ntask_target: b.target'],
  ['not a document', '{"task_target": '],
  ['a list', '- a\n- b'],
  ['nothing', ''],
])('%s is refused as a recipe', ([, text]) => {
  expect(() => parseRecipeText(text ?? '')).toThrow(expect.objectContaining({ code: 'recipe-invalid' }))
})

test('a document that a parser could choke on is answered at once, and clearly', () => {
  const started = process.cpuUsage()
  const deep = ['- ', '? ', ': '].map((indicator) => indicator.repeat(300_000))
  for (const text of [`metadata: ${'['.repeat(100_000)}`, `{"a":${'{"a":'.repeat(50_000)}`, ...deep]) {
    expect(() => parseRecipeText(text)).toThrow('nested too deeply')
  }
  for (const text of ['[]'.repeat(60_000), `"${'\\q'.repeat(110_000)}"`, `a: >\n  x\n${'\n'.repeat(110_000)}`]) {
    expect(() => parseRecipeText(text)).toThrow('more than 100000 words')
  }
  // An error for each word, each with the whole line, took 17 s for 100 KB.
  expect(() => parseRecipeText('&a '.repeat(15_000))).toThrow('neither YAML nor JSON')
  // Compared each with each, they took half a minute.
  const keys = Array.from({ length: 8_000 }, (_, index) => `k${index}: 1`).join('\n')
  expect(() => parseRecipeText(keys)).toThrow('it has 8001 problems')
  expect(process.cpuUsage(started).user).toBeLessThan(10_000_000)
}, 60_000)

test('what the schema refuses hides nothing of what the rules refuse, and is not called missing', () => {
  const recipe = {
    task_target: 'install-linux.target',
    target_disk: '/dev/sda1',
    disk_selector: { serial: 'x' },
    partition_layout: [{ size: '5 GB', format: 'ext4', mountpoint: '/' }],
    files: [{ path: '/etc/motd' }, { path: '/etc/motd', content: 'x' }],
    wim_index: 1,
    'a/b': 1,
    metadata: { 'a key': 'x' },
  }
  expect(problemsOf(recipe)).toEqual([
    '/a~1b',
    '/files/0',
    '/files/1/path',
    '/metadata/a key',
    '/oci_url',
    '/partition_layout/0/size',
    '/target_disk',
    '/wim_index',
  ])
})

test('of a target that is no target only the fields are looked at', () => {
  expect(problemsOf({ task_target: 7, wim_index: 1, files: [{ path: '/etc/motd' }] })).toEqual([
    '/files/0',
    '/task_target',
  ])
})

import { expect, test } from 'vitest'
import { chooseDisk, type Disk, parseDisks, partitionPath } from '../../../src/dispatcher/steps/disk.ts'
import type { Recipe } from '../../../src/shared/recipe/schema.ts'

const GIB = 1024 ** 3

/** `lsblk --json --bytes --list` of util-linux 2.41, shortened. */
const LSBLK = JSON.stringify({
  blockdevices: [
    row('loop0', 'loop', 5),
    row('sda', 'disk', 20, { tran: 'sas', serial: ' Z1 ', wwn: '0x5000c500a1b2c3d4', model: 'ST20 ' }),
    row('sda1', 'part', 1, { pkname: 'sda' }),
    row('sdb', 'disk', 20, { tran: 'usb', rm: true }),
    row('sdc', 'disk', 40, { wwn: 'mp' }),
    row('mpatha', 'mpath', 40, { kname: 'dm-0', pkname: 'sdc', path: '/dev/mapper/mpatha' }),
    row('sdd', 'disk', 40, { wwn: 'mp' }),
    row('mpatha', 'mpath', 40, { kname: 'dm-0', pkname: 'sdd', path: '/dev/mapper/mpatha' }),
    row('sr0', 'rom', 1),
    row('vda', 'disk', 20),
    row('zram0', 'disk', 2),
    row('nvme0n1', 'disk', 0),
    row('nvme1n1', 'disk', 100, { tran: 'nvme', serial: 'N1', model: 'Fast', 'log-sec': 4096 }),
  ],
})

function row(name: string, type: string, gib: number, more: object = {}) {
  const none = { pkname: null, serial: null, wwn: null, model: null, tran: null, rm: false, ro: false }
  return { name, kname: name, path: `/dev/${name}`, type, size: gib * GIB, 'log-sec': 512, ...none, ...more }
}

const DISKS = parseDisks(LSBLK)

test('whole disks are listed; partitions, drives, loops, empty slots and paths of a multipath disk are not', () => {
  expect(DISKS.map(({ name, bus }) => [name, bus])).toEqual([
    ['sda', 'sas'],
    ['sdb', 'usb'],
    ['mpatha', 'scsi'],
    ['vda', 'virtio'],
    ['nvme1n1', 'nvme'],
  ])
  expect(DISKS[0]).toMatchObject({ serial: 'Z1', model: 'ST20', sectorBytes: 512 })
  expect(DISKS[2]?.kernelNames).toEqual(['dm-0', 'sdc', 'sdd'])
})

const choose = (recipe: Partial<Recipe>, real?: string, protectedDevices: string[] = ['sr0']) =>
  chooseDisk({ task_target: 'install-linux.target', ...recipe }, DISKS, protectedDevices, real).name

test.for<[Partial<Recipe>, string | undefined, string]>([
  [{ target_disk: '/dev/vda' }, '/dev/vda', 'vda'],
  [{ target_disk: '/dev/disk/by-id/ata-ST20_Z1' }, '/dev/sda', 'sda'],
  [{ target_disk: '/dev/mapper/mpatha' }, '/dev/dm-0', 'mpatha'],
  [{ target_disk: '/dev/disk/by-id/wwn-0x6001' }, '/dev/dm-0', 'mpatha'],
  [{ disk_selector: { path: '/dev/disk/by-id/wwn-0x6001' } }, '/dev/dm-0', 'mpatha'],
  [{ target_disk: '/dev/sdb' }, '/dev/sdb', 'sdb'],
  [{ disk_selector: { serial: 'Z1' } }, undefined, 'sda'],
  [{ disk_selector: { wwn: 'naa.5000C500A1B2C3D4' } }, undefined, 'sda'],
  [{ disk_selector: { model: 'Fast', bus: 'nvme' } }, undefined, 'nvme1n1'],
  [{ disk_selector: { size: { min: '90G' } } }, undefined, 'nvme1n1'],
  [{ disk_selector: { bus: 'virtio', size: { max: '20GiB' } } }, undefined, 'vda'],
  [{ disk_selector: { path: '/dev/disk/by-path/x' } }, '/dev/vda', 'vda'],
])('%j means one disk', ([recipe, real, expected]) => {
  expect(choose(recipe, real)).toBe(expected)
})

test.for<[Partial<Recipe>, string, readonly string[]]>([
  [
    { target_disk: '/dev/vdz' },
    'Cannot find the disk "/dev/vdz": this server has /dev/sda (20.0 GiB, sas, ST20, serial Z1',
    [],
  ],
  [{ target_disk: '/dev/vda' }, 'the maintenance OS or the task medium is on it', ['vda', 'vda1']],
  [{ target_disk: '/dev/mapper/mpatha' }, 'the maintenance OS or the task medium is on it', ['dm-0']],
  [{ target_disk: '/dev/mapper/mpatha' }, 'the maintenance OS or the task medium is on it', ['sdd']],
  [{ disk_selector: { size: { min: '30G', max: '50G' } } }, 'Cannot find a disk that matches', ['sdd']],
  [{ disk_selector: { size: { max: '20G' } } }, '2 match {"size":{"max":"20G"}}: /dev/sda', []],
  [{ disk_selector: { serial: 'Z1' } }, 'Cannot find a disk that matches', ['sda']],
  [{ disk_selector: { serial: 'nobody' } }, 'this server has', []],
  [{}, 'the recipe names none', []],
])('%j is refused: %s', ([recipe, message, protectedDevices]) => {
  expect(() => choose(recipe, recipe.target_disk, [...protectedDevices])).toThrow(message)
})

test('an eMMC is one disk: its hardware areas are none', () => {
  const areas = ['mmcblk0', 'mmcblk0boot0', 'mmcblk0boot1', 'mmcblk0gp0', 'mmcblk0rpmb', 'mmcblk10']
  const blockdevices = areas.map((name) => row(name, 'disk', 8, { ro: name.includes('boot') }))
  expect(parseDisks(JSON.stringify({ blockdevices })).map(({ name }) => name)).toEqual(['mmcblk0', 'mmcblk10'])
})

test('a USB or removable disk is never chosen by a selector', () => {
  expect(() => choose({ disk_selector: { path: '/dev/sdb' } }, '/dev/sdb')).toThrow('Cannot find a disk')
})

test.for<[string, ReturnType<typeof row>[], string]>([
  ['mounted', [row('sda1', 'part', 1, { pkname: 'sda', mountpoints: ['/boot'] })], '/dev/sda1 (/boot)'],
  ['swap', [row('sda1', 'part', 1, { pkname: 'sda', mountpoints: ['[SWAP]'] })], '/dev/sda1 ([SWAP])'],
  ['part of a RAID', [row('md0', 'raid1', 1, { pkname: 'sda' })], '/dev/md0 (raid1)'],
  [
    'under a volume group, encrypted, and mounted',
    [
      row('sda1', 'part', 1, { pkname: 'sda' }),
      row('luks', 'crypt', 1, { pkname: 'sda1', kname: 'dm-1', path: '/dev/mapper/luks' }),
      row('vg-root', 'lvm', 1, { pkname: 'dm-1', path: '/dev/mapper/vg-root', mountpoints: ['/old'] }),
    ],
    '/dev/mapper/luks (crypt), /dev/mapper/vg-root (lvm), /dev/mapper/vg-root (/old)',
  ],
])(
  'a disk that is %s counts among those that match, is never chosen, and the error says what holds it',
  ([, above, users]) => {
    const disks = parseDisks(
      JSON.stringify({ blockdevices: [row('sda', 'disk', 20), ...above, row('sdb', 'disk', 20)] }),
    )
    expect(disks.map(({ inUse }) => inUse)).toEqual([users, undefined])
    const recipe = { task_target: 'x.target', disk_selector: { size: { min: '1G' } } }
    expect(() => chooseDisk(recipe, disks, [], undefined)).toThrow('Cannot choose a disk: 2 match')
    expect(() => chooseDisk(recipe, disks, ['sdb'], undefined)).toThrow(
      `Cannot write /dev/sda (20.0 GiB, scsi, no serial, in use by ${users})`,
    )
  },
)

test('a read-only disk is never chosen', () => {
  const locked: Disk[] = DISKS.map((disk) => ({ ...disk, readOnly: true }))
  expect(() => chooseDisk({ task_target: 'x.target', target_disk: '/dev/vda' }, locked, [], '/dev/vda')).toThrow(
    'read-only',
  )
  const recipe = { task_target: 'x.target', disk_selector: { bus: 'sas' as const } }
  expect(() => chooseDisk(recipe, locked, [], undefined)).toThrow(/^Cannot write \/dev\/sda .*: it is read-only$/)
})

test('of two disks that match none is chosen because the other cannot be written', () => {
  const rows = [row('sda', 'disk', 20, { ro: true }), row('sdb', 'disk', 20)]
  const disks = parseDisks(JSON.stringify({ blockdevices: rows }))
  const recipe = { task_target: 'x.target', disk_selector: { size: { min: '1G' } } }
  expect(() => chooseDisk(recipe, disks, [], undefined)).toThrow('Cannot choose a disk: 2 match')
})

test.for<[string, string]>([
  ['/dev/sda', '/dev/sda3'],
  ['/dev/nvme0n1', '/dev/nvme0n1p3'],
  ['/dev/mmcblk0', '/dev/mmcblk0p3'],
  ['/dev/mapper/mpatha', '/dev/mapper/mpatha-part3'],
])('the third partition of %s is %s', ([path, expected]) => {
  expect(partitionPath({ path }, 3)).toBe(expected)
})

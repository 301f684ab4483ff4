import { expect, test } from 'vitest'
import { planConfigDrive } from '../../../src/dispatcher/steps/config-drive.ts'
import { fstab } from '../../../src/dispatcher/steps/fstab.ts'
import { GRUBS, menuOptions, planGrub } from '../../../src/dispatcher/steps/grub.ts'
import { planEmpty, planUnpack } from '../../../src/dispatcher/steps/image-linux.ts'
import { layoutDisk } from '../../../src/dispatcher/steps/layout.ts'
import { planMounts } from '../../../src/dispatcher/steps/mounts.ts'
import { planFormat, planTable, planWipe } from '../../../src/dispatcher/steps/partition.ts'
import { compressionOf } from '../../../src/shared/decompress.ts'
import type { Partition, Recipe } from '../../../src/shared/recipe/schema.ts'
import { SAMPLE_DISK } from './sample-disk.ts'

const DISK = { ...SAMPLE_DISK, bytes: 8 * 1024 ** 3 }
const LAYOUT: Partition[] = [
  { size: '512MiB', format: 'vfat', mountpoint: '/boot/efi', label: 'esp' },
  { size: '100%', format: 'ext4', mountpoint: '/', label: 'root', mount_options: 'noatime' },
  { size: '1G', format: 'xfs', mountpoint: '/var/lib/data' },
  { size: '1G', format: 'swap', label: 'swap' },
]
const RECIPE: Recipe = { task_target: 'install-linux.target', partition_layout: LAYOUT, user_data: '#cloud-config\n' }
const SLOTS = layoutDisk(RECIPE, DISK.bytes)

test('the table is written once, in sectors, after everything old was wiped', () => {
  expect(planTable(DISK, SLOTS, ['/dev/vda1']).map(({ argv }) => argv.join(' '))).toEqual([
    'wipefs --all --force --quiet /dev/vda1 /dev/vda',
    'sgdisk --zap-all /dev/vda',
    'sgdisk --clear --set-alignment=2048' +
      ' --new=1:2048:1050623 --typecode=1:C12A7328-F81F-11D2-BA4B-00A0C93EC93B --change-name=1:ESP' +
      ' --new=2:1050624:12449791 --typecode=2:4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 --change-name=2:root' +
      ' --new=3:12449792:14546943 --typecode=3:0FC63DAF-8483-4772-8E79-3D69D8477DE4' +
      ' --new=4:14546944:16644095 --typecode=4:0657FD6D-A4AB-43C4-84E5-0933C84B4F4F --change-name=4:swap' +
      ' --new=5:16644096:16775167 --typecode=5:EBD0A0A2-B9E5-4433-87C0-68B6B72699C7 --change-name=5:CIDATA' +
      ' /dev/vda',
    'udevadm settle --timeout=60',
  ])
})

test('a disk with sectors of 4096 bytes is counted in those', () => {
  const command = planTable({ ...DISK, sectorBytes: 4096 }, SLOTS, [])[2]
  expect(command?.argv).toContain('--set-alignment=256')
  expect(command?.argv).toContain('--new=1:256:131327')
})

test('what earlier partitions in the place of the new ones held is wiped before they are formatted, also with no format', () => {
  expect(planWipe(DISK, SLOTS).argv.join(' ')).toBe(
    'wipefs --all --force --quiet /dev/vda1 /dev/vda2 /dev/vda3 /dev/vda4 /dev/vda5',
  )
})

test.for<[number, string | undefined]>([
  [0, 'mkfs.vfat -F 32 -n ESP /dev/vda1'],
  [1, 'mkfs.ext4 -q -F -O ^metadata_csum_seed,^orphan_file -L root /dev/vda2'],
  [2, 'mkfs.xfs -q -f -c options=/usr/share/xfsprogs/mkfs/lts_5.4.conf /dev/vda3'],
  [3, 'mkswap -L swap /dev/vda4'],
  [4, 'mkfs.vfat -n CIDATA /dev/vda5'],
])('slot %i is formatted by its format', ([index, expected]) => {
  const slot = SLOTS[index]
  expect(slot && planFormat(DISK, slot)?.argv.join(' ')).toBe(expected)
})

test('file systems are mounted parents first, and vfat forgives what it cannot keep', () => {
  expect(planMounts(DISK, SLOTS, '/mnt/x').map(({ command }) => command.argv.join(' '))).toEqual([
    'mount -t ext4 /dev/vda2 /mnt/x',
    'mount -t vfat -o quiet,umask=0022 /dev/vda1 /mnt/x/boot/efi',
    'mount -t xfs /dev/vda3 /mnt/x/var/lib/data',
  ])
})

test('what an earlier try has unpacked goes before tar, on the file systems of the plan alone', () => {
  expect(planEmpty(['/mnt/x', '/mnt/x/boot/efi']).argv.join(' ')).toBe(
    'find /mnt/x /mnt/x/boot/efi -xdev -mindepth 1 ! -type d -delete',
  )
})

test('tar keeps owners by number, modes, attributes and ACLs', () => {
  expect(planUnpack('/mnt/x').argv.join(' ')).toBe(
    'tar --extract --file=- --blocking-factor=512 --xattrs --xattrs-include=* --acls --numeric-owner --preserve-permissions --directory /mnt/x',
  )
})

test('fstab names every volume by its UUID, the root first, with the options of the recipe', () => {
  const volumes = SLOTS.slice(0, 4).map((slot) => ({ slot, uuid: `U${slot.number}` }))
  expect(fstab(volumes).split('\n').slice(1, -1)).toEqual([
    'UUID=U2 / ext4 noatime 0 1',
    'UUID=U1 /boot/efi vfat umask=0077,shortname=winnt 0 2',
    'UUID=U3 /var/lib/data xfs defaults 0 0',
    'UUID=U4 none swap sw 0 0',
  ])
})

/** Of grub2-mkconfig since RHEL 9.3. */
const FEDORA_HELP = `--no-grubenv-update      do not update variables in the grubenv file
  --update-bls-cmdline     overwrite BLS cmdline args with default args`

test('GRUB goes to the removable path, for the machine it runs on', () => {
  const [debian, fedora] = GRUBS
  if (debian === undefined || fedora === undefined) return expect.fail('two GRUBs are known')
  expect(planGrub('/mnt/x', debian, '/boot/efi', 'x64', []).map(({ argv }) => argv.join(' '))).toEqual([
    'chroot /mnt/x grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram',
    'chroot /mnt/x grub-mkconfig -o /boot/grub/grub.cfg',
  ])
  expect(
    planGrub('/mnt/x', fedora, '/efi', 'arm64', menuOptions(FEDORA_HELP)).map(({ argv }) => argv.join(' ')),
  ).toEqual([
    'chroot /mnt/x grub2-install --target=arm64-efi --efi-directory=/efi --removable --no-nvram --force',
    'chroot /mnt/x grub2-mkconfig -o /boot/grub2/grub.cfg --update-bls-cmdline',
  ])
})

test('the NoCloud drive is made anew and filled without a mount', () => {
  expect(
    planConfigDrive('/dev/vda5', 'CIDATA', '/run/provision', ['user-data', 'meta-data']).map(({ argv }) =>
      argv.join(' '),
    ),
  ).toEqual([
    'wipefs --all --force --quiet /dev/vda5',
    'mkfs.vfat -n CIDATA /dev/vda5',
    'mcopy -i /dev/vda5 /run/provision/user-data /run/provision/meta-data ::/',
    'sync /dev/vda5',
  ])
})

test.for<[string, string, string]>([
  ['gzip', '1f8b0800', 'gzip'],
  ['a zstd frame', '28b52ffd', 'zstd'],
  ['a skippable zstd frame, as pzstd writes first', '502a4d18', 'zstd'],
  ['a tar', '2e2f0000', 'none'],
  ['nothing', '', 'none'],
])('content that begins like %s is %s', ([, hex, expected]) => {
  expect(compressionOf(Buffer.from(hex, 'hex'))).toBe(expected)
})

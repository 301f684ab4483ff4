import { arch } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { Disk } from '../../../src/dispatcher/steps/disk.ts'
import { bindImage } from '../../../src/dispatcher/steps/late-binding.ts'
import { makeBootEntry, ownEntries, planBootEntry, removableLoader } from '../../../src/dispatcher/steps/nvram.ts'
import { AppError } from '../../../src/shared/errors.ts'
import type { Command } from '../../../src/shared/exec.ts'
import { scratch } from '../../support/scratch.ts'
import { SAMPLE_DISK } from './sample-disk.ts'

const GIB = 1024 ** 3
const DISK: Disk = { ...SAMPLE_DISK, name: 'vdb', kernelNames: ['vdb'], path: '/dev/vdb', serial: 'S-2' }
/** What an earlier job has left, of an installation on another disk. */
const MENU = 'BootOrder: 0003,0001\nBoot0001* UEFI DVD\tX\nBoot0003* Installed by provisioner\tHD(1,GPT,aaaa)'
const REMOVED = 'efibootmgr --quiet --delete-bootnum --bootnum 0003'

let firmware = ''
let ran: string[] = []

beforeEach(() => {
  firmware = scratch()
  ran = []
})
/** Programs that are only written down, on a disk with this table. */
function onTable(label: 'gpt' | 'dos', types: readonly string[]) {
  const partitions = types.map((type, index) => ({ node: `/dev/vdb${index + 1}`, start: 2048, size: 2048, type }))
  const table = JSON.stringify({ partitiontable: { label, sectorsize: 512, lastlba: 8_388_574, partitions } })
  const run = async ({ argv }: Command) => void ran.push(argv.join(' '))
  const read = async ({ argv }: Command) => (argv[0] === 'sfdisk' ? table : MENU)
  return {
    recipe: { task_target: 'install-image.target' },
    programs: { run, read, feed: run },
    say: () => undefined,
    signal: new AbortController().signal,
  }
}

test.for<['gpt' | 'dos', string, string]>([
  ['gpt', '0FC63DAF-8483-4772-8E79-3D69D8477DE4', 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'],
  ['dos', '83', 'ef'],
])(
  'an image with a %s table is what the firmware starts next, not what an earlier job has installed elsewhere',
  async ([label, root, esp]) => {
    const bound = await bindImage(DISK, GIB, onTable(label, [root, esp]), firmware)
    expect(bound.boot_entry).toBe('made')
    expect(ran.slice(-2)).toEqual([REMOVED, expect.stringContaining('--create --disk /dev/vdb --part 2 ')])
  },
)

const EFI = ['0FC63DAF-8483-4772-8E79-3D69D8477DE4', 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B']

test('on a server that was started by a BIOS nothing is asked of an ESP', async () => {
  const bound = await bindImage(DISK, GIB, onTable('dos', ['83']), join(firmware, 'none'))
  expect(bound.boot_entry).toMatch(/^none: this server was not/)
})

test('an image that the firmware could not start is no success: without an ESP, or with an ESP without a loader', async () => {
  await expect(bindImage(DISK, GIB, onTable('dos', ['83']), firmware)).rejects.toMatchObject({ code: 'image-unusable' })
  const { programs, ...context } = onTable('gpt', EFI)
  const read = async (command: Command) => {
    if (command.argv[0] !== 'mdir') return programs.read(command)
    expect(command.argv.slice(3)).toEqual(['/dev/vdb2', `::/${removableLoader(arch())}`])
    throw new AppError('program-failed', 'File "::/EFI/BOOT/BOOTX64.EFI" not found')
  }
  await expect(bindImage(DISK, GIB, { ...context, programs: { ...programs, read } }, firmware)).rejects.toThrow(
    `its EFI system partition has no ${removableLoader(arch())}`,
  )
})

test('a FAT of an MBR that is called no ESP is one, where it has the loader: firmware looks into each', async () => {
  const bound = await bindImage(DISK, GIB, onTable('dos', ['83', 'c']), firmware)
  expect(bound.boot_entry).toBe('made')
  expect(ran.at(-1)).toContain('--create --disk /dev/vdb --part 2 ')
})

test('an image that ends before its last partition does was cut off, also when it came compressed', async () => {
  await expect(bindImage(DISK, 4095 * 512, onTable('gpt', EFI), firmware)).rejects.toThrow('it was cut off')
  await expect(bindImage(DISK, 4096 * 512, onTable('gpt', EFI), firmware)).resolves.toBeDefined()
})

test('a table is read again and again while udev holds a partition', async () => {
  let refused = 0
  const { programs, ...context } = onTable('gpt', EFI)
  const run = async (command: Command) => {
    await programs.run(command)
    if (!command.argv.includes('--rereadpt') || ++refused > 2) return
    throw new AppError('program-failed', 'blockdev: ioctl error on BLKRRPART: Device or resource busy')
  }
  await bindImage(DISK, GIB, { ...context, programs: { ...programs, run } }, firmware)
  expect(ran.slice(0, 2)).toEqual(['udevadm settle --timeout=60', 'blockdev --rereadpt /dev/vdb'])
  expect(refused).toBeGreaterThan(2)
})

test('events of another device that udev never finishes with are not waited for again and again', async () => {
  const { programs, ...context } = onTable('gpt', EFI)
  const run = async (command: Command) => {
    await programs.run(command)
    // Exit code 1 is that of its time limit (udevadm(8)).
    if (command.argv[1] !== 'settle' || command.goodCodes?.includes(1)) return
    throw new AppError('program-failed', 'Cannot finish "udevadm"')
  }
  await bindImage(DISK, GIB, { ...context, programs: { ...programs, run } }, firmware)
  expect(ran.filter((line) => line.startsWith('blockdev'))).toHaveLength(3)
})

test('a boot menu that cannot be changed does not fail what boots without it, and neither does a BIOS', async () => {
  const { programs, ...context } = onTable('gpt', [])
  const run = () => Promise.reject(new Error('no space left'))
  const refusing = { ...context, programs: { ...programs, run } }
  expect(await makeBootEntry('/dev/vdb', 1, refusing, firmware)).toBe('none: no space left')
  expect(await makeBootEntry('/dev/vdb', 1, refusing, join(firmware, 'none'))).toMatch(/^none: this server was not/)
})

test('our boot entries are found among those of others, and replaced', () => {
  const listing = [
    'BootCurrent: 0001',
    'BootOrder: 0001,0003,000A',
    'Boot0001* UEFI QEMU DVD-ROM\tPciRoot(0x0)',
    'Boot0003* Installed by provisioner\tHD(1,GPT,aaaa)/File(\\EFI\\BOOT\\BOOTX64.EFI)',
    'Boot000A  Installed by provisioner',
  ].join('\n')
  expect(ownEntries(listing)).toEqual(['0003', '000A'])
  expect(planBootEntry('/dev/vda', 1, 'x64', ['0003']).map(({ argv }) => argv.join(' '))).toEqual([
    'efibootmgr --quiet --delete-bootnum --bootnum 0003',
    'efibootmgr --quiet --create --disk /dev/vda --part 1 --label Installed by provisioner --loader \\EFI\\BOOT\\BOOTX64.EFI',
  ])
})

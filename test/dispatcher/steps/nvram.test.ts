import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Disk } from '../../../src/dispatcher/steps/disk.ts'
import { bindImage } from '../../../src/dispatcher/steps/late-binding.ts'
import { makeBootEntry, ownEntries, planBootEntry } from '../../../src/dispatcher/steps/nvram.ts'
import type { Command } from '../../../src/shared/exec.ts'

const GIB = 1024 ** 3
const DISK: Disk = {
  name: 'vdb',
  kernelNames: ['vdb'],
  path: '/dev/vdb',
  bytes: 4 * GIB,
  sectorBytes: 512,
  serial: 'S-2',
  wwn: undefined,
  model: undefined,
  bus: 'virtio',
  removable: false,
  readOnly: false,
}
/** What an earlier job has left, of an installation on another disk. */
const MENU = 'BootOrder: 0003,0001\nBoot0001* UEFI DVD\tX\nBoot0003* Installed by provisioner\tHD(1,GPT,aaaa)'
const REMOVED = 'efibootmgr --quiet --delete-bootnum --bootnum 0003'

let firmware = ''
let ran: string[] = []

beforeEach(() => {
  firmware = mkdtempSync(join(tmpdir(), 'firmware-'))
  ran = []
})
afterEach(() => rmSync(firmware, { recursive: true }))

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
    const bound = await bindImage(DISK, onTable(label, [root, esp]), firmware)
    expect(bound.boot_entry).toBe('made')
    expect(ran.slice(-2)).toEqual([REMOVED, expect.stringContaining('--create --disk /dev/vdb --part 2 ')])
  },
)

test('an image without an ESP gets no entry, and an old one of ours goes', async () => {
  const bound = await bindImage(DISK, onTable('dos', ['83']), firmware)
  expect(bound.boot_entry).toBe('none: there is no EFI system partition')
  expect(ran.at(-1)).toBe(REMOVED)
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

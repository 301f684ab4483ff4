import { truncate, writeFile } from 'node:fs/promises'
import { arch } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { planPartuuid } from '../../../src/dispatcher/steps/bootloader-linux.ts'
import { planConfigDrive } from '../../../src/dispatcher/steps/config-drive.ts'
import type { Disk } from '../../../src/dispatcher/steps/disk.ts'
import { parseTable, planAppend, planGrow, planReadTable } from '../../../src/dispatcher/steps/disk-table.ts'
import { planEmpty, planUnpack } from '../../../src/dispatcher/steps/image-linux.ts'
import { planFindLoader } from '../../../src/dispatcher/steps/late-binding.ts'
import { layoutDisk } from '../../../src/dispatcher/steps/layout.ts'
import { removableLoader } from '../../../src/dispatcher/steps/nvram.ts'
import { planFormat, planTable } from '../../../src/dispatcher/steps/partition.ts'
import type { Command } from '../../../src/shared/exec.ts'
import { mustInTools } from '../../lab/programs.ts'
import { scratch } from '../../support/scratch.ts'
import { recipeWith } from '../task-medium.ts'
import { SAMPLE_DISK } from './sample-disk.ts'

const [MIB, GIB] = [1024 ** 2, 1024 ** 3]
let at: string

beforeEach(async () => {
  at = scratch()
  await writeFile(join(at, 'disk'), '')
  await truncate(join(at, 'disk'), 4 * GIB)
})

const tools = (argv: readonly string[]) => mustInTools(argv, { binds: [{ host: at, inside: '/t' }] })

/** A file stands for the disk: sgdisk does not mind. */
const DISK: Disk = { ...SAMPLE_DISK, path: '/t/disk' }

interface Table {
  readonly partitiontable: {
    readonly label: string
    readonly partitions: readonly { start: number; size: number; type: string; uuid: string; name?: string }[]
  }
}

test('sgdisk makes exactly the partitions that were planned, also over an old table', async () => {
  const slots = layoutDisk(recipeWith({}), DISK.bytes)
  for (let round = 0; round < 2; round++) {
    for (const { argv } of planTable(DISK, slots, [])) if (argv[0] !== 'udevadm') await tools(argv)
  }
  expect(await tools(['sgdisk', '--verify', '/t/disk'])).toContain('No problems found')
  const { partitiontable } = JSON.parse(await tools(['sfdisk', '--json', '/t/disk'])) as Table
  expect(partitiontable.label).toBe('gpt')
  expect(partitiontable.partitions.map(({ start, size, type, name }) => [start * 512, size * 512, type, name])).toEqual(
    slots.map(({ start, bytes, type, label }) => [start, bytes, type, label]),
  )
  expect((await tools(planPartuuid('/t/disk', 2).argv)).trim()).toBe(partitiontable.partitions[1]?.uuid)
})

test('file systems have the label of the recipe, and no feature that older boot loaders cannot read', async () => {
  const [esp, root] = layoutDisk(recipeWith({}), DISK.bytes)
  for (const [slot, size] of [
    [esp, 64 * 1024 ** 2],
    [root, 512 * 1024 ** 2],
  ] as const) {
    if (slot === undefined) return expect.fail('two slots are planned')
    const image = `/t/disk${slot.number}`
    await writeFile(join(at, `disk${slot.number}`), '')
    await truncate(join(at, `disk${slot.number}`), size)
    await tools(planFormat(DISK, slot)?.argv ?? [])
    const said = await tools(['blkid', '--probe', '--output', 'export', image])
    expect(said).toContain(`LABEL=${slot.label}\n`)
    expect(said).toContain(`TYPE=${slot.format}\n`)
  }
  const features = await tools(['dumpe2fs', '-h', '/t/disk2'])
  expect(features).not.toMatch(/metadata_csum_seed|orphan_file/)
})

test('the NoCloud drive holds the files, a repeated step leaves no other, and nothing of an old RAID hides it', async () => {
  const bytes = 64 * 1024 ** 2
  await writeFile(join(at, 'drive'), '')
  await truncate(join(at, 'drive'), bytes)
  // What libblkid takes for a member of one lies in the last sector but one.
  await tools([
    'sh',
    '-euc',
    `printf 'Intel Raid ISM Cfg Sig. 1.2.01' | dd of=/t/drive bs=512 seek=${bytes / 512 - 2} conv=notrunc`,
  ])
  expect(await tools(['blkid', '--probe', '--output', 'export', '/t/drive'])).toContain('TYPE=isw_raid_member\n')
  await writeFile(join(at, 'user-data'), '#cloud-config\n')
  await writeFile(join(at, 'meta-data'), 'instance-id: a\n')
  await writeFile(join(at, 'network-config'), 'version: 2\n')
  for (const files of [
    ['user-data', 'meta-data', 'network-config'],
    ['meta-data', 'network-config'],
  ]) {
    for (const { argv } of planConfigDrive('/t/drive', 'CIDATA', '/t', files)) await tools(argv)
    const listing = await tools(['mdir', '-b', '-i', '/t/drive', '::/'])
    expect(listing.match(/[a-z]+-[a-z]+/g)?.sort()).toEqual([...files].sort())
  }
  expect(await tools(['mtype', '-i', '/t/drive', '::/network-config'])).toBe('version: 2\n')
  expect(await tools(['mtype', '-i', '/t/drive', '::/meta-data'])).toBe('instance-id: a\n')
  expect(await tools(['blkid', '--probe', '--output', 'export', '/t/drive'])).toContain('LABEL=CIDATA\n')
})

test('on a disk above 2 TiB the partitions of an MBR stay where it can count to', async () => {
  const bytes = 3 * 1024 ** 4
  const disk = { ...DISK, path: '/t/large', bytes }
  const table = async () => parseTable(await tools([...planReadTable(disk).argv]), disk)
  const feed = ({ argv, stdin = '' }: Command) => tools(['sh', '-euc', `printf '${stdin}' | ${shell(argv)}`])
  await tools(['sh', '-euc', `truncate -s ${bytes} /t/large && echo '2048,4000000,83' | sfdisk --label dos /t/large`])
  await feed(planAppend(disk, await table(), { bytes: 64 * MIB, type: { gpt: '', dos: 'c' }, label: 'CIDATA' }))
  const [root] = (await table()).partitions
  const grow = root && planGrow(disk, await table(), root)
  if (grow === undefined) return expect.fail('it can grow')
  await feed(grow)
  expect((await table()).partitions).toMatchObject([
    { start: 2048, size: 4_294_834_176 - 2048, type: '83' },
    { start: 4_294_834_176, size: 131_072, type: 'c' },
  ])
})

test('the loader of an ESP is found where the firmware looks, in whatever case it is written, and missed where it is not', async () => {
  const loader = removableLoader(arch()).toLowerCase().split('/')
  const find = shell(planFindLoader('/t/esp').argv)
  const script = `
    truncate -s 64M /t/esp && mkfs.vfat /t/esp >/dev/null && mmd -i /t/esp ::/${loader[0]}
    ${find} && exit 1
    mmd -i /t/esp ::/${loader[0]}/${loader[1]} && ${find} && exit 1
    echo loader | mcopy -i /t/esp - ::/${loader.join('/')} && ${find}`
  expect((await tools(['sh', '-uc', script])).toUpperCase()).toContain(loader[2]?.toUpperCase())
})

test('tar brings back owners by number, modes and hard links', async () => {
  const script = `
    mkdir -p /tmp/from/etc /tmp/to && cd /tmp/from
    echo x >etc/file && chown 1234:4321 etc/file && chmod 4750 etc/file && ln etc/file etc/hard
    tar --create --xattrs --acls --numeric-owner -f /tmp/a.tar . && cd / && ${shell(planUnpack('/tmp/to').argv)} </tmp/a.tar
    stat -c '%u:%g %a %h' /tmp/to/etc/file`
  expect(await tools(['sh', '-euc', script])).toBe('1234:4321 4750 2\n')
})

test('no archive writes outside the new root, not even through what an earlier try has left', async () => {
  const unpack = shell(planUnpack('/tmp/to').argv)
  const script = `
    mkdir -p /tmp/links /tmp/files/out /tmp/to /tmp/outside && cd /tmp
    ln -s /tmp/outside links/out && echo bad >files/out/file && echo bad >files/dots
    tar -C links --create -f one.tar out
    tar -C files --create -P --transform 's,^dots,../outside/dots,' -f two.tar out/file dots
    for archive in one.tar two.tar; do
      ${shell(planEmpty(['/tmp/to']).argv)}
      ${unpack} <$archive || true
    done
    find outside -mindepth 1; cat to/out/file`
  expect(await tools(['sh', '-euc', script])).toBe('bad\n')
})

function shell(argv: readonly string[]): string {
  return argv.map((word) => `'${word}'`).join(' ')
}

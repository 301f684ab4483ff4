import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { planFat } from '../../src/isobuilder/fat/plan.ts'
import { createIso } from '../../src/isobuilder/image-file.ts'
import { segmentsSource } from '../../src/isobuilder/segments.ts'
import { mustInTools } from '../lab/programs.ts'
import { file } from './image-bytes.ts'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'boot-'))
  for (const [name, mebibytes, bios] of [
    ['small', 4, { image: Buffer.alloc(3000, 0x90) }],
    ['large', 70, undefined],
  ] as const) {
    const esp = planFat([file('EFI/BOOT/BOOTX64.EFI')], { label: 'ESP', minBytes: mebibytes * 1024 * 1024 })
    if (!esp.ok) expect.fail(JSON.stringify(esp.problems))
    const { signal } = new AbortController()
    const boot = { esp: await segmentsSource(esp.image, signal), ...(bios && { bios }) }
    const entries = [file('layers/root.erofs'), file('a'.repeat(200))]
    await createIso(entries, { label: 'MAINT', boot }, join(directory, `${name}.iso`), signal)
  }
})

afterAll(() => rm(directory, { recursive: true, force: true }))

const run = (...argv: string[]) => mustInTools(argv, { binds: [{ host: directory, inside: '/media' }], cwd: '/media' })

test.for(['small.iso', 'large.iso'])('sgdisk finds no problem in %s, and one EFI system partition', async (image) => {
  expect(await run('sgdisk', '-v', image)).toContain('No problems found')
  const shown = await run('sgdisk', '-p', '-i', '1', image)
  expect(shown).toContain('C12A7328-F81F-11D2-BA4B-00A0C93EC93B (EFI system partition)')
  expect(await run('sfdisk', '--verify', image)).toMatch(/No errors detected/)
})

test('xorriso finds a BIOS and a UEFI boot image', async () => {
  const said = await run('sh', '-c', 'xorriso -indev small.iso -report_el_torito plain 2>&1')
  expect(said).toMatch(/El Torito boot img :\s+1\s+BIOS\s+y\s+none/)
  expect(said).toMatch(/El Torito boot img :\s+2\s+UEFI\s+y\s+none/)
  expect(said).not.toMatch(/FAILURE|SORRY/)
})

test('xorriso finds a UEFI boot image of 70 MiB, its partition, and nothing to complain about', async () => {
  const said = await run('sh', '-c', 'xorriso -indev large.iso -report_el_torito plain -report_system_area plain 2>&1')
  expect(said).toMatch(/El Torito boot img :\s+1\s+UEFI\s+y\s+none/)
  expect(said).toMatch(/GPT start and size :\s+1\s+2048\s+143360/)
  expect(said).not.toMatch(/WARNING|FAILURE|SORRY/)
})

test('isoinfo, isovfy and 7z find the boot record, and nothing wrong', async () => {
  expect(await run('isoinfo', '-d', '-i', 'small.iso')).toMatch(
    /El Torito VD version 1 found, boot catalog is in sector 20/,
  )
  expect(await run('isovfy', 'small.iso')).toMatch(/^No errors found$/m)
  expect(await run('7z', 't', 'small.iso')).toMatch(/Everything is Ok/)
})

test('the volume has its label on the whole disk, and the partition is a FAT file system', async () => {
  expect(await run('blkid', '-p', '-o', 'export', 'small.iso')).toMatch(/^PTTYPE=gpt$/m)
  const script = `start=$(sfdisk -J small.iso | jq '.partitiontable.partitions[0].start')
    dd if=small.iso of=/tmp/esp bs=512 skip=$start count=8192 status=none && fsck.fat -n /tmp/esp
    mdir -b -i /tmp/esp ::/EFI/BOOT`
  expect(await run('sh', '-ec', script)).toContain('BOOTX64.EFI')
})

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { planFat } from '../../../src/isobuilder/fat/plan.ts'
import { readSegments } from '../../../src/isobuilder/segments.ts'
import { mustInTools } from '../../lab/programs.ts'
import { scratch } from '../../support/scratch.ts'
import { file } from '../image-bytes.ts'

const MIB = 1024 * 1024
const NAMES = [
  'EFI/BOOT/BOOTX64.EFI',
  'EFI/BOOT/grub.cfg',
  'EFI/BOOT/a long name, of many words.text',
  'EFI/BOOT/ünï.cfg',
]

test.for([3, 20, 35, 36, 100, 261])('fsck.fat and mtools read a file system of %i MiB', async (mebibytes) => {
  const directory = scratch()
  const entries = [...NAMES.map((path) => file(path, path.repeat(100))), file('EMPTY', '')]
  const many = Array.from({ length: 200 }, (_, index) => file(`many/file number ${index}`))
  const result = planFat([...entries, ...many], { label: 'ESP', minBytes: mebibytes * MIB })
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  await writeFile(join(directory, 'esp.img'), readSegments(result.image, 0, result.image.size))
  const script = `fsck.fat -n -V /fat/esp.img >&2; mlabel -s -i /fat/esp.img ::
    mdir -b -/ -i /fat/esp.img :: ; mtype -i /fat/esp.img '::/${NAMES[2]}'`
  const said = await mustInTools(['sh', '-ec', script], { binds: [{ host: directory, inside: '/fat' }] })
  expect(said).toContain('Volume label is ESP')
  for (const name of NAMES) expect(said).toContain(`::/${name}\n`)
  expect(said.match(/::\/many\/file number/g)).toHaveLength(200)
  expect(said).toMatch(new RegExp(`${NAMES[2]}$`))
})

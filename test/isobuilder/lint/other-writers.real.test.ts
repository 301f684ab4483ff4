import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lintImageFile } from '../../../src/isobuilder/lint/image-file.ts'
import { mustInTools } from '../../lab/programs.ts'
import { lines, lintBytes } from './lint-image.ts'

let directory: string
let binds: { host: string; inside: string }[]

const FILES: Readonly<Record<string, string>> = {
  'recipe.json': '{}\n',
  'recipe.schema.json': 'x'.repeat(5000),
  'user-data': '#cloud-config\n',
  'ks.cfg': 'install\n',
  empty: '',
  'UPPER lower ünï 日本.txt': 'text',
  'a-file.with.several.dots.and-a-long-name-of-more-than-64-characters-for-joliet.text': 'long',
  [`${'d/'.repeat(9)}deep`]: 'deep',
  ...Object.fromEntries(
    Array.from({ length: 120 }, (_, index) => [`many/a file with a long name, number ${index}.text`, `${index}`]),
  ),
  'boot/loader.bin': 'l'.repeat(5000),
  'boot/esp.img': 'e'.repeat(1024 * 1024),
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'other-writers-'))
  binds = [{ host: directory, inside: '/media' }]
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(join(directory, 'tree', dirname(path)), { recursive: true })
    await writeFile(join(directory, 'tree', path), text)
  }
  await symlink('../recipe.json', join(directory, 'tree/many/near'))
})

afterAll(() => rm(directory, { recursive: true, force: true }))

const EFI = ['-eltorito-alt-boot', '-e', 'boot/esp.img', '-no-emul-boot']
const BIOS = [
  '-b',
  'boot/loader.bin',
  '-c',
  'boot/boot.cat',
  '-no-emul-boot',
  '-boot-load-size',
  '4',
  '-boot-info-table',
]

test.for([
  ['genisoimage', 'with Rock Ridge and Joliet', ['-r', '-J', '-joliet-long', '-V', 'TASK_1']],
  ['genisoimage', 'with the names of level 1', ['-D', '-V', 'TASK_1']],
  ['genisoimage', 'that boots under BIOS and UEFI', ['-r', '-J', '-joliet-long', ...BIOS, ...EFI]],
  ['genisoimage', 'with deep directories where they are', ['-D', '-R', '-J', '-joliet-long']],
  ['xorriso', 'with Rock Ridge and Joliet', ['-r', '-J', '-V', 'TASK_1']],
  ['xorriso', 'with the names of level 3', ['-iso-level', '3', '-r']],
  ['xorriso', 'that boots under BIOS and UEFI', ['-r', '-J', ...BIOS, ...EFI]],
  [
    'xorriso',
    'that boots from a stick too',
    ['-r', '-J', '-append_partition', '2', '0xef', '/media/tree/boot/esp.img', '-appended_part_as_gpt'].concat([
      '-e',
      '--interval:appended_partition_2:all::',
      '-no-emul-boot',
    ]),
  ],
  [
    'xorriso',
    'with a second tree for a partition',
    ['-r', '-J', '-partition_offset', '16', '-append_partition', '2', '0xef', '/media/tree/boot/esp.img'].concat([
      '-appended_part_as_gpt',
      '-e',
      '--interval:appended_partition_2:all::',
      '-no-emul-boot',
    ]),
  ],
] as const)('an image of %s %s has no errors', async ([program, what, options]) => {
  const name = `${program} ${what}.iso`.replaceAll(' ', '-')
  const argv = program === 'xorriso' ? ['xorriso', '-as', 'mkisofs'] : [program, '-quiet']
  await mustInTools([...argv, '-o', `/media/${name}`, ...options, '/media/tree'], { binds })
  const findings = await lintImageFile(join(directory, name), new AbortController().signal)
  expect(lines(findings.filter(({ severity }) => severity === 'error'))).toEqual([])
})

test('what genisoimage really does wrong is an error: a link that does not fit into one entry', async () => {
  await mkdir(join(directory, 'link'))
  await symlink(`${'component/'.repeat(60)}end`, join(directory, 'link/long'))
  await mustInTools(['genisoimage', '-quiet', '-r', '-o', '/media/link.iso', '/media/link'], { binds })
  const findings = await lintImageFile(join(directory, 'link.iso'), new AbortController().signal)
  expect(findings.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toContain('rock-ridge')
})

test('the head of an image with a file above 4 GiB of xorriso is only too short', { timeout: 300_000 }, async () => {
  await mkdir(join(directory, 'big'))
  await writeFile(join(directory, 'big/big.img'), '')
  await truncate(join(directory, 'big/big.img'), 4.5 * 2 ** 30)
  // The image goes into a pipe, and only its head out of it.
  await mustInTools(
    ['sh', '-c', 'xorriso -as mkisofs -quiet -iso-level 3 -r -J /media/big | head -c 400000 > /media/big.head || true'],
    { binds },
  )
  const head = await readFile(join(directory, 'big.head'))
  const findings = await lintBytes(head)
  const errors = findings.filter(({ severity }) => severity === 'error')
  expect(errors.map(({ code }) => code)).toEqual(['space-size'])
})

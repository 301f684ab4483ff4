import { generateKeyPairSync } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lintRecipe } from '../../../src/shared/recipe/lint.ts'
import { parseRecipe } from '../../../src/shared/recipe/parse.ts'
import { checkTarget } from '../../../src/shared/recipe/rules-target.ts'
import { RECIPE_SCHEMA, type Recipe } from '../../../src/shared/recipe/schema.ts'
import { foundIn } from './problems.ts'

const IMAGE = {
  task_target: 'install-image.target',
  disk_selector: { serial: 'Z1' },
  oci_url: 'oci://192.0.2.1:8443/disks/debian:13',
}
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' })

function problemsOf(change: object): string[] {
  return foundIn({ ...IMAGE, ...change }).map(({ path, message }) => `${path} ${message}`)
}

const file = (change: object) => ({ files: [{ path: '/etc/motd', content: 'hello', ...change }] })

test.for<[string, object]>([
  ['an image', {}],
  [
    'everything of it',
    {
      require_empty: true,
      grow_last_partition: true,
      verify: { public_key: KEY, read_back: true },
      ...file({ mode: '0600', owner: '0:42' }),
    },
  ],
  ['a hidden directory', file({ path: '/root/.ssh/authorized_keys' })],
  ['an empty file', file({ content: '' })],
])('a recipe with %s is accepted', ([, change]) => {
  expect(problemsOf(change)).toEqual([])
})

test.for<[string, object, string]>([
  ['a path that climbs', file({ path: '/etc/../boot/x' }), '/files/0/path is not an absolute path of plain names'],
  ['a relative path', file({ path: 'etc/motd' }), '/files/0/path is not an absolute path'],
  ['a directory', file({ path: '/etc/' }), '/files/0/path is not an absolute path'],
  ['both contents', file({ content_base64: 'aGk=' }), '/files/0 give either'],
  ['no content', file({ content: undefined }), '/files/0 give either'],
  ['no base64', file({ content: undefined, content_base64: '?' }), '/files/0/content_base64 is not base64'],
  ['a name as owner', file({ owner: 'root:root' }), '/files/0/owner is not two numbers'],
  ['a strange mode', file({ mode: 'rwx' }), '/files/0/mode is not an octal mode'],
  ['a path twice', { files: [file({}).files[0], file({}).files[0]] }, '/files/1/path "/etc/motd" is given twice'],
  [
    'three large files',
    { files: ['a', 'b', 'c'].map((name) => ({ path: `/etc/${name}`, content: 'x'.repeat(900_000) })) },
    '/files together they are larger than 2097152 bytes',
  ],
  ['a key that is none', { verify: { public_key: 'ssh-rsa AAAA' } }, '/verify/public_key Cannot use the public key'],
  ['an empty demand', { verify: {} }, '/verify must NOT have fewer than 1 properties'],
  [
    'partitions',
    { partition_layout: [{ size: '100%', format: 'ext4' }] },
    '/partition_layout is not used by install-image.target',
  ],
  ['kernel arguments', { kernel_arguments: ['quiet'] }, '/kernel_arguments is not used by'],
])('%s is refused', ([, change, problem]) => {
  expect(problemsOf(change)).toEqual([expect.stringContaining(problem)])
})

const DISK = { disk_selector: { serial: 'Z1' }, oci_url: 'oci://192.0.2.1/os:1' }
const FIRMWARE = {
  firmware_url: 'https://192.0.2.1/x.bin',
  firmware_sha256: '0'.repeat(64),
  firmware_tool: { image: 'oci://192.0.2.1/sum:1', arguments: ['{file}'] },
}
const LINUX = {
  ...DISK,
  partition_layout: [
    { size: '64MiB', format: 'vfat', mountpoint: '/boot/efi' },
    { size: '100%', format: 'ext4', mountpoint: '/' },
  ],
}
const UNDER: Readonly<Record<string, object>> = {
  'install-linux': LINUX,
  'install-image': DISK,
  'install-bootc': DISK,
  'install-windows': DISK,
  'install-esxi': { ks_cfg: 'vmaccepteula\n' },
  'firmware-update': FIRMWARE,
  'supermicro-update': FIRMWARE,
}

test.for<[string, object, string[]]>([
  ['install-bootc', { grow_last_partition: true }, ['/grow_last_partition']],
  ['install-bootc', file({}), ['/files']],
  ['install-bootc', { verify: { read_back: true } }, ['/verify/read_back']],
  ['install-linux', { ks_cfg: 'x', unattend_xml: '<a/>', wim_index: 1 }, ['/ks_cfg', '/unattend_xml', '/wim_index']],
  ['install-linux', FIRMWARE, ['/firmware_sha256', '/firmware_tool', '/firmware_url']],
  ['install-image', { kernel_arguments: ['quiet'] }, ['/kernel_arguments']],
  ['install-windows', { user_data: '#cloud-config' }, ['/user_data']],
  ['install-esxi', DISK, ['/disk_selector', '/oci_url']],
  // Above all: firmware that looks as if it were compared with this digest.
  ['firmware-update', { verify: { digest: `sha256:${'0'.repeat(64)}` } }, ['/verify']],
  ['firmware-update', { verify: { read_back: true } }, ['/verify']],
  ['firmware-update', { target_disk: '/dev/sda', require_empty: true }, ['/require_empty', '/target_disk']],
  ['supermicro-update', { oci_url: DISK.oci_url, user_data: 'x' }, ['/oci_url', '/user_data']],
])('what %s.target would not carry out of %j is refused', ([name, change, paths]) => {
  const recipe = { task_target: `${name}.target`, ...UNDER[name] }
  expect(() => parseRecipe(recipe)).not.toThrow()
  const found = foundIn({ ...recipe, ...change })
  expect(found.map(({ path }) => path).sort()).toEqual(paths)
  for (const { message } of found) expect(message).toMatch(`is not used by ${name}.target, only by `)
})

test('fstab is made by install-linux.target, and can be a file of an image', () => {
  const written = file({ path: '/etc/fstab' })
  expect(problemsOf(written)).toEqual([])
  const found = foundIn({ task_target: 'install-linux.target', ...LINUX, ...written })
  const message = expect.stringMatching('^"/etc/fstab" is made of "partition_layout"')
  expect(found).toMatchObject([{ path: '/files/0/path', message }])
})

test('a command line for later kernels is warned of, for only some loaders write it over', () => {
  const written = file({ path: '/etc/kernel/cmdline' })
  const warned = (recipe: object) => lintRecipe(parseRecipe(recipe)).filter(({ code }) => code === 'file-replaced')
  const path = '/files/0/path'
  expect(warned({ task_target: 'install-linux.target', ...LINUX, ...written })).toMatchObject([{ path }])
  expect(warned({ task_target: 'install-image.target', ...DISK, ...written })).toEqual([])
})

test('a target that only an own image has is taken as it is, with a warning', () => {
  const recipe = parseRecipe({ task_target: 'make-coffee.target', ks_cfg: 'x', wim_index: 1 })
  expect(lintRecipe(recipe)).toMatchObject([{ path: '/task_target', code: 'no-such-target' }])
})

test('a target that is not in the image yet is warned of, and those that are there are not', async () => {
  const units = await readdir(join(import.meta.dirname, '../../../assets/units'))
  const present = units.filter((name) => name.endsWith('.target'))
  for (const [name, rest] of Object.entries(UNDER)) {
    const recipe = parseRecipe({ task_target: `${name}.target`, ...rest })
    const isWarned = lintRecipe(recipe).some(({ code }) => code === 'no-such-target')
    expect(isWarned, name).toBe(!present.includes(`${name}.target`))
  }
  expect(Object.keys(UNDER)).toEqual(expect.arrayContaining(present.map((name) => name.replace('.target', ''))))
})

test('every field of the schema is used by a target, or by all', () => {
  const all = ['$schema', 'recipe_version', 'task_target', 'metadata']
  const fields = Object.keys(RECIPE_SCHEMA.properties).filter((field) => !all.includes(field))
  const everything = Object.fromEntries(fields.map((field) => [field, 'x']))
  const refused = (name: string) => checkTarget({ task_target: `${name}.target`, ...everything } as unknown as Recipe)
  const unused = new Set(Object.keys(UNDER).flatMap((name) => refused(name).map(({ path }) => path)))
  expect([...unused].sort()).toEqual(fields.map((field) => `/${field}`).sort())
})

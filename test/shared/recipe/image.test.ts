import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { isAppError } from '../../../src/shared/errors.ts'
import { parseRecipe } from '../../../src/shared/recipe/parse.ts'

const IMAGE = {
  task_target: 'install-image.target',
  disk_selector: { serial: 'Z1' },
  oci_url: 'oci://192.0.2.1:8443/disks/debian:13',
}
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' })

function problemsOf(change: object): string[] {
  try {
    parseRecipe({ ...IMAGE, ...change })
    return []
  } catch (error) {
    if (!isAppError(error, 'recipe-invalid')) throw error
    return error.problems.map(({ path, message }) => `${path} ${message}`)
  }
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

test.for<[object, string]>([
  [{ grow_last_partition: true }, '/grow_last_partition is not used by install-bootc.target'],
  [file({}), '/files is not used by install-bootc.target'],
  [{ verify: { read_back: true } }, '/verify/read_back is not used by install-bootc.target'],
])('%j is refused where nobody would carry it out', ([change, problem]) => {
  expect(problemsOf({ task_target: 'install-bootc.target', ...change })).toEqual([expect.stringContaining(problem)])
})

import { expect, test } from 'vitest'
import { imageRoot } from '../../src/maintenance/layers.ts'
import { checksum, paddingOf } from '../../src/oci/tar/tar-fields.ts'
import { readTar } from '../../src/oci/tar/tar-read.ts'
import { imageSource, type Line, layerOf } from './layer-bytes.ts'

/** Layers that were made to keep a reader busy, or to take all memory. */

const never = new AbortController().signal
const FILE: Line = ['f', 'a', 'x']

/** A header of another kind, such as `x` for pax records. */
function extension(flag: string, content: string | Buffer): Buffer {
  const bytes = layerOf([['f', 'header', content]]).subarray(0, 512 + content.length + paddingOf(content.length))
  bytes.write(flag, 156, 'latin1')
  bytes.write(`${checksum(bytes).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

test.for<[string, Buffer[], RegExp]>([
  ['pax records without a length', [extension('x', `${' '.repeat(3_000_000)}=`)], /pax record in it is broken/],
  ['a pax record of length 0', [extension('x', '0 path=a\n')], /pax record in it is broken/],
  ['a pax record longer than all', [extension('x', '99 path=a\n')], /pax record in it is broken/],
  ['headers without end', Array(3).fill(extension('x', `3000010 a=${'x'.repeat(3_000_000 - 1)}\n`)), /too large/],
  ['a size that is no number', [extension('x', '12 size=abc\n')], /the size of "a" is no number/],
  ['a size below zero', [extension('x', '11 size=-1\n')], /the size of "a" is no number/],
  ['a path of a million bytes', [extension('L', 'p'.repeat(1_000_000))], /a path in it is too long/],
  ['a link of a million names', [extension('K', '/a'.repeat(500_000))], /a path in it is too long/],
  ['a name that is no text', [extension('L', Buffer.from('caf\xe9', 'latin1'))], /"caf\ufffd" in it is not UTF-8/],
  ['a target that is no text', [extension('K', Buffer.from('caf\xe9', 'latin1'))], /"caf\ufffd" in it is not UTF-8/],
  [
    'a target in pax records that is no text',
    [extension('x', Buffer.from('17 linkpath=caf\xe9\n', 'latin1'))],
    /"caf\ufffd" in it is not UTF-8/,
  ],
])('%s: the layer is refused', async ([, headers, message]) => {
  async function* bytes() {
    yield* headers
    yield layerOf([FILE])
  }
  await expect(Array.fromAsync(readTar(bytes(), 'x'))).rejects.toMatchObject({
    code: 'archive-invalid',
    message: expect.stringMatching(message),
  })
})

test('directories that get deeper by links from layer to layer are refused', async () => {
  const deep = 'd/'.repeat(400)
  const lines: Line[] = [['d', deep]]
  for (let link = 0; link < 4; link++) {
    lines.push(['s', `l${link}`, `${link === 0 ? '' : `l${link - 1}/`}${deep}`])
    lines.push(['d', `l${link}/${deep}`])
  }
  await expect(imageRoot(imageSource([lines]), 'latest', 'amd64', never)).rejects.toMatchObject({
    code: 'boot-image',
    message: expect.stringContaining('levels deep'),
  })
})

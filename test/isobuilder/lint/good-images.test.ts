import { expect, test } from 'vitest'
import type { Entry } from '../../../src/isobuilder/tree.ts'
import { file, imageOf } from '../image-bytes.ts'
import { bootImage, dataImage, discImage } from './faulty-image.ts'
import { lines, lintBytes } from './lint-image.ts'
import { plannedBootImagesAreGood, plannedLargeFilesAreGood, plannedTreesAreGood } from './planned-trees.ts'

test('good images have no findings', async () => {
  expect(lines(await lintBytes(dataImage, { contents: true }))).toEqual([])
  expect(lines(await lintBytes(bootImage, { contents: true }))).toEqual([])
  expect(lines(await lintBytes(discImage, { contents: true }))).toEqual([])
})

test('a device may be larger than our image, and have anything behind it', async () => {
  for (const image of [dataImage, bootImage, discImage]) {
    const device = Buffer.concat([image, Buffer.alloc(1024 * 1024, 'of before')])
    expect(lines(await lintBytes(device, { contents: true, isDevice: true }))).toEqual([])
    expect(lines(await lintBytes(device)).join()).toMatch(/error trailing-bytes /)
  }
  const cut = bootImage.subarray(0, bootImage.length - 2048)
  expect(lines(await lintBytes(cut, { isDevice: true })).join()).toMatch(/error space-size /)
})

const LONG = 'x'.repeat(70)
const KINDS: readonly [kind: string, (path: string) => Entry][] = [
  ['directory', (path) => ({ path, directory: true })],
  ['empty file', (path) => file(path, '')],
  ['file', (path) => file(path)],
]

test.for<[what: string, paths: readonly string[]]>([
  ['cut behind a space', [`${'x'.repeat(63)} more words here`]],
  ['with an extension cut behind a space', [`01. To the moon and back again, ${LONG}`]],
  ['in another order in the other tree', [`b${LONG}`, `C${LONG}`]],
  ['equal as far as they are kept', [`${LONG}a`, `${LONG}b`, `${LONG}c`]],
  ['of which one is short, and comes behind the long one', [`${LONG.slice(0, 63)}_`, `${LONG.slice(0, 63)}*${LONG}`]],
  ['with a number in front of a dot', ['x.y', 'x.y.']],
  ['alike with and without an extension', ['x\t1.y.', 'x"1.y.', 'x*1.y.', 'x.y*1', 'x.y:1']],
  ['that other writers keep moved directories in', ['rr_moved/b', 'a']],
  ['numbered in front of a long extension', ['a?', 'a*'].map((stem) => `${stem}.bbbbbbb ${LONG.slice(0, 50)}`)],
])('names %s are good', async ([, paths]) => {
  for (const [kind, entry] of KINDS) {
    const inside = paths.flatMap((path, index) => (kind === 'directory' ? [file(`${path}/${index}`)] : []))
    const image = await imageOf([...paths.map(entry), ...inside])
    expect(lines(await lintBytes(image, { contents: true })), kind).toEqual([])
  }
})

test('a link whose target ends in a line and a slash is good', async () => {
  const links = ['a\n/', 'a\r//', '\u2028/', '//\n'].map((symlink, index): Entry => ({ path: `l${index}`, symlink }))
  expect(lines(await lintBytes(await imageOf(links), { contents: true }))).toEqual([])
})

/** Many in many-images.real.test.ts. */
test('every tree that can be planned has no findings', () => plannedTreesAreGood(50))

test('every image that boots has no findings', () => plannedBootImagesAreGood(30))

test('every file above 4 GiB has no findings', () => plannedLargeFilesAreGood(50))

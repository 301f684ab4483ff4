import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isEmbedded } from '../../../src/dispatcher/steps/embedded-image.ts'
import { scratch } from '../../support/scratch.ts'

test.for<[string, string | undefined, boolean]>([
  ['has the image', '[{"id":"a"},{"id":"b","names":["localhost/other:1","localhost/tools:1"]}]', true],
  ['has another version', '[{"id":"b","names":["localhost/tools:2"]}]', false],
  ['has no images', '[]', false],
  ['is broken', '[{"id"', false],
  ['is not there', undefined, false],
])('a store that %s', async ([, images, there]) => {
  const store = scratch()
  await mkdir(join(store, 'overlay-images'))
  if (images !== undefined) await writeFile(join(store, 'overlay-images/images.json'), images)
  expect(await isEmbedded('localhost/tools:1', store)).toBe(there)
})

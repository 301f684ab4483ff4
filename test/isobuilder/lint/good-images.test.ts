import { expect, test } from 'vitest'
import { bootImage, dataImage } from './faulty-image.ts'
import { lines, lintBytes } from './lint-image.ts'
import { plannedTreesAreGood } from './planned-trees.ts'

test('good images have no findings', async () => {
  expect(lines(await lintBytes(dataImage, { contents: true }))).toEqual([])
  expect(lines(await lintBytes(bootImage, { contents: true }))).toEqual([])
})

/** Many in many-images.real.test.ts. */
test('every tree that can be planned has no findings', () => plannedTreesAreGood(80))

import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { maintenanceImages } from '../../../src/server/media/maintenance.ts'
import type { Medium } from '../../../src/server/media/medium.ts'
import { file, imageOf } from '../../isobuilder/image-bytes.ts'
import { openBelow } from '../../isobuilder/open-below.ts'

const { signal } = new AbortController()
const NONE = () => new Set<string>()

async function site() {
  const directory = mkdtempSync(join(tmpdir(), 'maintenance-'))
  const images = maintenanceImages(signal)
  onTestFinished(async () => {
    await images[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })
  const write = async (name: string, content: string) => {
    const path = join(directory, name)
    writeFileSync(`${path}.new`, await imageOf([file('boot.bin', content)], 'MAINTENANCE'))
    renameSync(`${path}.new`, path)
    return path
  }
  return { directory, images, write }
}

async function bytesOf(medium: Medium | undefined): Promise<string> {
  if (medium === undefined) return 'nothing'
  return Buffer.concat(await Array.fromAsync(medium.read(0, medium.size, signal))).toString('latin1')
}

test('jobs that began with the image before keep it, even when another file is in its place', async () => {
  const { images, write } = await site()
  await images.exchange(await write('a.iso', 'first-image'), NONE)
  const maintenance = images.current?.medium.etag ?? ''
  await images.exchange(await write('a.iso', 'second-image'), NONE)
  expect(await bytesOf(images.of({ maintenance: null })?.medium)).toContain('second-image')
  expect(await bytesOf(images.of({ maintenance })?.medium)).toContain('first-image')
  expect(images.of({ maintenance: '"sha256:other"' })).toBeUndefined()
})

test('an image that no job needs is closed at the next exchange; one that is needed stays open', async () => {
  const { directory, images, write } = await site()
  const etags: string[] = []
  for (const name of ['a', 'b', 'c', 'd']) {
    await images.exchange(await write(`${name}.iso`, name), () => new Set(etags.slice(0, 1)))
    etags.push(images.current?.medium.etag ?? '')
  }
  expect(etags.map((maintenance) => images.of({ maintenance }) !== undefined)).toEqual([true, false, true, true])
  await images.exchange(join(directory, 'd.iso'), NONE)
  const open = await Promise.all(['a', 'b', 'c', 'd'].map((name) => openBelow(join(directory, `${name}.iso`))))
  // The same file again changes nothing.
  expect(open).toEqual([1, 0, 1, 1])
})

test('an image that was written again in place is taken anew, also for jobs that began with it', async () => {
  const { images, write } = await site()
  const path = await write('a.iso', 'first-image')
  await images.exchange(path, NONE)
  const maintenance = images.current?.medium.etag ?? ''
  utimesSync(path, 1, 1)
  await images.exchange(path, NONE)
  await images.current?.medium.check(signal)
  await images.exchange(await write('b.iso', 'second-image'), () => new Set([maintenance]))
  expect(await bytesOf(images.of({ maintenance })?.medium)).toContain('first-image')
})

test('an image that cannot be read leaves the one before in its place', async () => {
  const { directory, images, write } = await site()
  await images.exchange(await write('a.iso', 'first-image'), NONE)
  await expect(images.exchange(join(directory, 'none.iso'), NONE)).rejects.toMatchObject({ code: 'config-invalid' })
  expect(await bytesOf(images.current?.medium)).toContain('first-image')
  await images.exchange(undefined, NONE)
  expect(images.current).toBeUndefined()
})

test('of two exchanges at a time the last one stays', async () => {
  const { images, write } = await site()
  const [a, b] = [await write('a.iso', 'x'.repeat(3_000_000)), await write('b.iso', 'second-image')]
  await Promise.all([images.exchange(a, NONE), images.exchange(b, NONE)])
  expect(await bytesOf(images.current?.medium)).toContain('second-image')
})

import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { Command, Io } from '../../src/commands/command.ts'
import { readInvocation } from '../../src/commands/parse.ts'
import { registryGc, registryScrub } from '../../src/commands/registry-storage.ts'
import { askControl, holdCollection } from '../../src/registry/control.ts'
import { pushBlob, silent, temporaryDirectory, testRegistry } from './support/open-registry.ts'

async function run(command: Command, argv: readonly string[]): Promise<{ code: number | undefined; out: string }> {
  const said: string[] = []
  const io = { env: {}, out: (text: string) => void said.push(text), logger: async () => silent } as unknown as Io
  const code = await command.run(await readInvocation(command, argv, io, new AbortController().signal))
  return { code, out: said.join('') }
}

test.for(['running', 'stopped'])('gc and scrub work on the directory of a %s registry', async (state) => {
  const registry = await testRegistry()
  await pushBlob(registry, 'a', 'content')
  if (state === 'stopped') await registry.close()
  const data = ['--data', registry.root]
  expect(await run(registryScrub, data)).toEqual({
    code: 0,
    out: 'Read 1 blobs and 0 manifests, 7 B: all is what its digest says\n',
  })
  expect((await run(registryGc, [...data, '--dry-run'])).out).toBe(
    'Would remove 0 tags, 0 manifests, 0 blobs, 0 files without a row, 0 abandoned uploads: 0 B. 7 B more when their grace is over\n',
  )
  const { out } = await run(registryGc, [...data, '--grace-hours', '0', '--json'])
  expect(JSON.parse(out)).toMatchObject({ dryRun: false, blobs: 1, bytes: 7 })
})

test('a directory without a registry is told, and does not become one', async () => {
  const root = await temporaryDirectory()
  await expect(run(registryGc, ['--data', root])).rejects.toMatchObject({ code: 'config-invalid' })
  expect(await readdir(root)).toEqual([])
})

test.for([
  [registryGc, '--grace-hours', '-1'],
  [registryGc, '--grace-hours', 'one'],
  [registryScrub, '--rate', 'fast'],
] as const)('a wrong number is a usage error', async ([command, option, value]) => {
  const { root } = await testRegistry()
  await expect(run(command, ['--data', root, `${option}=${value}`])).rejects.toMatchObject({ code: 'usage' })
})

test('the socket works however long the path of the directory is', async () => {
  const root = join(await temporaryDirectory(), 'long'.repeat(30))
  await mkdir(root)
  await testRegistry({ root })
  const { signal } = new AbortController()
  expect(await askControl(root, '/gc', { dryRun: true }, signal)).toMatchObject({ dryRun: true })
  await expect(askControl(root, '/else', {}, signal)).rejects.toMatchObject({ code: 'data-in-use' })
})

test('garbage collection waits for as long as it is held, and a registry that ends is noticed', async () => {
  const registry = await testRegistry()
  const { digest } = await pushBlob(registry, 'a', 'content')
  const { signal } = new AbortController()
  const held = await holdCollection(registry.root, signal)
  const collection = askControl(registry.root, '/gc', { graceMs: 0 }, signal)
  // A dry run is not held; when it is done the collection would have been too.
  await askControl(registry.root, '/gc', { dryRun: true, graceMs: 0 }, signal)
  expect(await Promise.race([collection, Promise.resolve('waits')])).toBe('waits')
  expect((await registry.request('GET', `/v2/a/blobs/${digest}`)).status).toBe(200)
  held.assertHeld()
  held.release()
  expect(await collection).toMatchObject({ blobs: 1 })

  const again = await holdCollection(registry.root, signal)
  await registry.close()
  await vi.waitFor(() => expect(again.assertHeld).toThrow('does not answer'))
})

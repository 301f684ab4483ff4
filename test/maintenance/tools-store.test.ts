import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { imageRoot } from '../../src/maintenance/layers.ts'
import { STORE, withTools } from '../../src/maintenance/tools-store.ts'
import { TOOL_STORE } from '../../src/shared/task/tool-image.ts'
import { imageSource, type Line } from './layer-bytes.ts'

const never = new AbortController().signal

/** Number of the layer that an image of these lines becomes in the store. */
async function numberOf(...layers: (readonly Line[])[]): Promise<string> {
  const image = (lines: readonly (readonly Line[])[]) => imageRoot(imageSource(lines), 'latest', 'amd64', never)
  const root = await withTools(await image([[['d', 'etc/']]]), await image(layers), 'localhost/tools:1', never)
  return root.tree.list(`${STORE}/overlay`).find((name) => name !== 'l') ?? ''
}

const TOOL: readonly Line[] = [
  ['d', 'usr/'],
  ['f', 'usr/tool', 'version 1'],
]

test('the store is where the podman of the maintenance OS looks for it', async () => {
  const path = join(import.meta.dirname, '../../assets/host/etc/containers/storage.conf')
  expect(await readFile(path, 'utf8')).toContain(`additionalimagestores = ["${TOOL_STORE}"]\n`)
})

test('the layer of the tools has the same number for the same image, and another for any other', async () => {
  const number = await numberOf(TOOL)
  expect(number).toMatch(/^[0-9a-f]{64}$/)
  expect(await numberOf(TOOL)).toBe(number)
  const others = [
    // As long as before: only its bytes tell.
    [...TOOL.slice(0, 1), ['f', 'usr/tool', 'version 2'] as const],
    [...TOOL.slice(0, 1), ['f', 'usr/tool', 'version 1', { mode: 0o755 }] as const],
    [...TOOL.slice(0, 1), ['f', 'usr/tool', 'version 1', { xattrs: new Map([['user.a', Buffer.from('b')]]) }] as const],
    [...TOOL, ['f', 'usr/more', ''] as const],
  ]
  const numbers = await Promise.all(others.map((lines) => numberOf(lines)))
  expect(new Set([number, ...numbers]).size).toBe(5)
})

test('a file that an upper layer has replaced does not count', async () => {
  const replaced = [...TOOL.slice(0, 1), ['f', 'usr/tool', 'version 0'] as const]
  const top: readonly Line[] = [['f', 'usr/tool', 'version 1']]
  expect(await numberOf(replaced, top)).toBe(
    await numberOf([...TOOL.slice(0, 1), ['f', 'usr/tool', 'older one'] as const], top),
  )
})

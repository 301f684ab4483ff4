import { expect, test } from 'vitest'
import { thirdPartyNotices } from '../../build/notices.ts'

const text = thirdPartyNotices([
  'src/main.ts',
  'node_modules/hono/dist/hono.js',
  'node_modules/hono/dist/context.js',
  'node_modules/@hono/node-server/dist/index.mjs',
])

test.for(['hono', '@hono/node-server', `node-linux-${process.arch}`, 'zstd'])(
  '%s is named once, with its licence',
  (name) => {
    const heads = text.split('\n').filter((line) => line === name || line.startsWith(`${name} `))
    expect(heads).toHaveLength(1)
  },
)

test('the texts of the licences are there', () => {
  expect(text).toContain('Yusuke Wada')
  expect(text).toContain('Meta Platforms')
  expect(text).toContain('Copyright Node.js contributors')
})

test('the order of the bundled files does not matter', () => {
  const files = ['node_modules/yaml/dist/a.js', 'node_modules/hono/dist/hono.js']
  expect(thirdPartyNotices(files)).toBe(thirdPartyNotices(files.toReversed()))
})

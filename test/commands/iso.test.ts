import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { Io } from '../../src/commands/command.ts'
import { iso } from '../../src/commands/iso.ts'
import { readInvocation } from '../../src/commands/parse.ts'
import { createLogger } from '../../src/shared/log.ts'
import { scratch } from '../support/scratch.ts'

let directory: string
let tree: string
let image: string

beforeEach(async () => {
  directory = scratch()
  tree = join(directory, 'tree')
  image = join(directory, 'a.iso')
  await mkdir(join(tree, 'd'), { recursive: true })
  await writeFile(join(tree, 'd/f'), 'text')
  await writeFile(join(tree, 'esc\x1b'), '')
  await symlink('d/f', join(tree, 'l'))
})

/** Runs `iso ...` as main.ts does and gives what it printed. */
async function run(word: string, ...argv: string[]): Promise<string> {
  const printed: string[] = []
  const io: Io = {
    ...{ env: {}, interactive: false, colour: false, columns: 80 },
    out: (text) => void printed.push(text),
    err: () => undefined,
    input: async () => '',
    ask: async () => undefined,
    askHidden: async () => undefined,
    logger: async (level) => createLogger(level),
  }
  const command = iso.commands.find(({ name }) => name === `iso ${word}`)
  if (command === undefined) expect.fail(`no command "${word}"`)
  await command.run(await readInvocation(command, argv, io, new AbortController().signal))
  return printed.join('')
}

test('a directory becomes an image, is listed, and comes back as it was', async () => {
  await run('create', '--output', image, '--label', 'TREE', tree)
  expect(await run('list', image)).toBe(
    'dr-xr-xr-x            0 d\n' +
      '-r--r--r--            4 d/f\n' +
      '-r--r--r--            0 esc\\x1b\n' +
      'lrwxrwxrwx            0 l -> d/f\n',
  )
  expect(JSON.parse(await run('list', '--json', image))).toContainEqual({
    path: 'd/f',
    kind: 'file',
    size: 4,
    mode: 0o444,
  })
  await run('extract', image, join(directory, 'out'))
  expect(await readFile(join(directory, 'out/l'), 'utf8')).toBe('text')
})

test('the same directory gives the same bytes', async () => {
  await run('create', '--output', image, '--label', 'TREE', tree)
  await run('create', '--output', `${image}2`, '--label', 'TREE', tree)
  expect((await readFile(image)).equals(await readFile(`${image}2`))).toBe(true)
})

test.for([
  ['a.iso', 'tree', 'lower', 'iso-plan'],
  ['tree/a.iso', 'tree', 'TREE', 'iso-plan'],
  ['tree/d/a.iso', 'tree', 'TREE', 'iso-plan'],
  ['a.iso', 'none', 'TREE', 'iso-plan'],
  ['none/a.iso', 'tree', 'TREE', 'iso-plan'],
] as const)('create --output %s of %s labelled %s is %s', async ([output, from, label, code]) => {
  const argv = ['--output', join(directory, output), '--label', label, join(directory, from)]
  await expect(run('create', ...argv)).rejects.toMatchObject({ code })
})

test('a directory beside the image whose name begins with two dots is not taken for the one above', async () => {
  await mkdir(join(tree, '..a'))
  await expect(run('create', '--output', join(tree, '..a/x.iso'), '--label', 'TREE', tree)).rejects.toMatchObject({
    code: 'iso-plan',
  })
})

test('verify finds nothing in a good image, and names what is wrong in another', async () => {
  await run('create', '--output', image, '--label', 'TREE', tree)
  expect(await run('verify', image)).toBe('')
  const bytes = await readFile(image)
  bytes.write('X', bytes.lastIndexOf('text'))
  await writeFile(image, bytes)
  expect(await run('verify', image)).toMatch(
    /^error identity at byte 32958: label, names and contents give [0-9A-F]{32}/,
  )
  expect(JSON.parse(await run('verify', '--json', image))).toMatchObject([{ code: 'identity', severity: 'error' }])
  await writeFile(image, bytes.subarray(0, bytes.length - 2048))
  expect(await run('verify', image)).toMatch(/error space-size at byte 32848/)
  await expect(run('verify', join(directory, 'none'))).rejects.toMatchObject({ code: 'iso-read' })
})

test('what is no image is refused', async () => {
  await writeFile(image, 'text')
  await expect(run('list', image)).rejects.toMatchObject({ code: 'iso-read' })
  await expect(run('extract', image, join(directory, 'out'))).rejects.toMatchObject({ code: 'iso-read' })
})

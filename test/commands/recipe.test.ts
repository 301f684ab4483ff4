import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Io } from '../../src/commands/command.ts'
import { readInvocation } from '../../src/commands/parse.ts'
import { recipe } from '../../src/commands/recipe.ts'
import { FIRMWARE_RECIPE } from '../server/support/sample-job.ts'

let directory = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'provisioner-recipe-'))
})

afterAll(() => rmSync(directory, { recursive: true }))

async function run(word: string, text: string, ...options: string[]) {
  const file = join(directory, 'recipe.yaml')
  writeFileSync(file, text)
  const command = recipe.commands.find(({ name }) => name === `recipe ${word}`)
  if (command === undefined) throw new Error(`no command "${word}"`)
  const said = { out: '', err: '' }
  const io = {
    env: {},
    out: (more: string) => {
      said.out += more
    },
    err: (more: string) => {
      said.err += more
    },
  } as unknown as Io
  const code = await command.run(await readInvocation(command, [...options, file], io, new AbortController().signal))
  return { code, ...said }
}

const VALID = Object.entries(FIRMWARE_RECIPE)
  .map(([field, value]) => `${field}: ${JSON.stringify(value)}\n`)
  .join('')
const DOUBTFUL = `task_target: install-image.target\ntarget_disk: /dev/sda\noci_url: oci://192.0.2.1/os@sha256:${'0'.repeat(64)}`

test('a valid recipe is valid, and says so in words or as JSON', async () => {
  expect(await run('validate', VALID)).toMatchObject({ code: 0, out: expect.stringContaining('valid') })
  expect(JSON.parse((await run('validate', VALID, '--json')).out)).toEqual({ valid: true, details: [], warnings: [] })
})

test('an invalid recipe ends in 1 and names each problem with its path', async () => {
  const result = await run('validate', 'task_target: x\nsurprise: 1\n')
  expect(result).toMatchObject({ code: 1, out: '' })
  expect(result.err).toMatch(/recipe\.yaml: \/surprise: /)
  expect(result.err).toMatch(/recipe\.yaml: \/task_target: /)
})

test('a recipe with warnings is valid, and lint still ends in 1', async () => {
  const result = await run('lint', DOUBTFUL, '--json')
  expect(result.code).toBe(1)
  expect(JSON.parse(result.out)).toMatchObject({ valid: true, details: [], warnings: [{ path: '/target_disk' }] })
  expect((await run('validate', DOUBTFUL)).code).toBe(0)
})

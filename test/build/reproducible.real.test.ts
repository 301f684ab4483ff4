import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { end, executable, NODE, ROOT } from './executable.ts'

const PARTS = [
  'src',
  'assets',
  'build',
  'docs',
  'Containerfile',
  'Containerfile.tools',
  'LICENSE',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
]

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reproducible-'))
})

afterAll(() => rm(directory, { recursive: true, force: true }))

test('a build in another place, time zone and language has the same bytes', async () => {
  const checkout = join(directory, 'another', 'checkout')
  await mkdir(checkout, { recursive: true })
  for (const part of PARTS) await cp(join(ROOT, part), join(checkout, part), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(checkout, 'node_modules'))

  const env = { ...process.env, TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8', LC_ALL: 'C', HOME: directory }
  const { code, stderr } = await end(NODE, [join(checkout, 'build/build.ts')], env)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(await sha256(join(checkout, 'dist/provisioner'))).toBe(await sha256(await executable()))
})

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

import { execFileSync, spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle } from '../../build/bundle.ts'
import { ZSTD_ADDON } from '../../build/inputs.ts'
import { ZSTD_ASSET } from '../../build/native-addon-plugin.ts'
import { makeExecutable } from '../../build/sea.ts'
import { labScratch } from '../lab/cache.ts'
import { executable, ROOT } from './executable.ts'

/** Two frames, "hello" and "world": see test/shared/zstd.test.ts. */
const FRAMES = Buffer.from('28b52ffd005829000068656c6c6f28b52ffd0058290000776f726c64', 'hex')

const DIRECTORIES = ['/run', '/tmp', '/dev/shm', '/var/tmp']

let stage: string

beforeAll(async () => {
  await executable() // says first when the build itself is broken
  stage = await labScratch('native-addon')
  const { code } = await bundle('test/build/zstd-entry.ts', 'test')
  makeExecutable(stage, 'zstd', code, new Map([[ZSTD_ASSET, join(ROOT, ZSTD_ADDON)]]))
})

afterAll(() => rm(stage, { recursive: true, force: true }))

/** Runs it where the directories are empty file systems, mounted noexec but for `exec`. Only this child sees them. */
function decompress({ exec, args = [] }: { exec?: string; args?: readonly string[] }) {
  const mounts = DIRECTORIES.map((at) => `mount -t tmpfs -o mode=1777${at === exec ? '' : ',noexec'} tmpfs ${at}`)
  const script = [
    ...mounts,
    'cd /run',
    '"$0" "$@"; code=$?',
    `find ${DIRECTORIES.join(' ')} -name '.provisioner*' >&2`,
    'exit $code',
  ]
  const argv = ['--mount', '--propagation', 'private', 'sh', '-ec', script.join('\n'), join(stage, 'zstd'), ...args]
  const { status, stdout, stderr } = spawnSync('unshare', argv, { input: FRAMES, encoding: 'utf8', env: {} })
  return { status, stdout, stderr }
}

test('both frames come out, and no file stays', () => {
  expect(decompress({ exec: '/run' })).toEqual({ status: 0, stdout: 'helloworld', stderr: '' })
})

test.for(DIRECTORIES)('one directory without noexec is enough: %s', (exec) => {
  expect(decompress({ exec })).toMatchObject({ status: 0, stdout: 'helloworld' })
})

test('when every directory is noexec, the error names each', () => {
  const { status, stderr } = decompress({})
  expect(status).toBe(1)
  expect(stderr).toContain('Cannot load "native/zstd-napi.node"')
  for (const directory of DIRECTORIES) expect(stderr).toContain(`  ${directory}: mounted noexec`)
})

test('nothing is written when zstd is not used', () => {
  expect(decompress({ args: ['unused'] })).toMatchObject({ status: 0, stdout: 'the addon was not needed' })
})

test('the addon needs no library that Node does not need', async () => {
  const needed = (file: string) =>
    [...execFileSync('objdump', ['-p', file], { encoding: 'utf8' }).matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name)
  expect(needed(await executable())).toEqual(expect.arrayContaining(needed(join(ROOT, ZSTD_ADDON))))
})

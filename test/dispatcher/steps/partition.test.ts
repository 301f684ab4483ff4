import { afterAll, beforeAll, expect, test } from 'vitest'
import { runPaths } from '../../../src/dispatcher/paths.ts'
import { partitionStep } from '../../../src/dispatcher/steps/partition.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import type { Command } from '../../../src/shared/exec.ts'
import type { Recipe } from '../../../src/shared/recipe/schema.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { type TinyRegistry, tinyRegistry } from '../../oci/tiny-registry.ts'
import { JOB, recipeWith } from '../task-medium.ts'

let registry: TinyRegistry

beforeAll(async () => {
  registry = await tinyRegistry()
  const layer = (name: string) => ({ mediaType: 'application/octet-stream', ...registry.blob(Buffer.from(name)) })
  registry.manifest({ schemaVersion: 2, layers: [layer('a')] }, 'good')
  registry.manifest({ schemaVersion: 2, layers: [layer('a'), layer('b')] }, 'layers')
  const wide = Buffer.concat([Buffer.from('28b52ffd0090010000', 'hex'), Buffer.alloc(20)])
  const octets = { mediaType: 'application/octet-stream' }
  registry.manifest({ schemaVersion: 2, layers: [{ ...octets, ...registry.blob(wide) }] }, 'wide')
  registry.manifest({ schemaVersion: 2, layers: [{ ...octets, digest: sha256('gone'), size: 4 }] }, 'gone')
})
afterAll(() => registry[Symbol.asyncDispose]())

/** One that no host has. */
const ROW = { name: 'vdzz', kname: 'vdzz', pkname: null, path: '/dev/vdzz', type: 'disk', 'log-sec': 512, rm: false }
const DISK = { ...ROW, size: 20 * 1024 ** 3, serial: 'A', wwn: null, model: null, tran: null, ro: false }

/** Runs the step up to where it opens the disk, which is not there. */
async function run(tag: string, change: Partial<Recipe> = {}, firmware = import.meta.dirname) {
  const ran: string[] = []
  const write = async ({ argv }: Command) => void ran.push(argv.join(' '))
  const read = async () => JSON.stringify({ blockdevices: [DISK] })
  const failure: unknown = await partitionStep(firmware)
    .run({
      recipe: recipeWith({ target_disk: '/dev/vdzz', oci_url: `oci://${registry.host}/os/debian:${tag}`, ...change }),
      job: { ...JOB, controller: { ...JOB.controller, url: 'http://127.0.0.1' }, registry: jobRegistry() },
      paths: runPaths('/nowhere'),
      protectedDevices: [],
      programs: { run: write, read, feed: write },
      progress: { message: () => {}, note: () => {}, bytes: () => {}, announce: async () => {}, flush: async () => {} },
      say: () => {},
      clock: systemClock,
      now: () => 0,
      signal: new AbortController().signal,
    })
    .catch((error: unknown) => error)
  return { ran, message: failure instanceof Error ? failure.message : '' }
}

function jobRegistry() {
  return { ...JOB.registry, host: registry.host }
}

test.for<[string, string, Partial<Recipe>, string]>([
  ['is not there', 'mistyped', {}, '404'],
  ['is another one', 'good', { verify: { digest: `sha256:${'0'.repeat(64)}` } }, 'the recipe demands sha256:000'],
  ['has no one root file system', 'layers', {}, 'it has 2 layers'],
  ['takes too much memory', 'wide', {}, 'Cannot decompress the content: its zstd needs a window of 256 MiB'],
  ['is there without its layer', 'gone', {}, `Cannot get blobs/${sha256('gone')}`],
])('nothing on the disk is touched for an artifact that %s', async ([, tag, change, words]) => {
  const { ran, message } = await run(tag, change)
  expect(message).toContain(words)
  expect(ran).toEqual([])
})

test('with the right artifact the step goes on to the disk', async () => {
  expect((await run('good')).message).toContain('Cannot open /dev/vdzz')
  expect(registry.requests.at(-1)).toContain(`/blobs/${sha256('a')}`)
})

test('a server that was started by a BIOS is not erased: it would not start what is installed', async () => {
  const { ran, message } = await run('good', {}, '/nowhere/efi')
  expect(message).toContain('it was started by a BIOS')
  expect(ran).toEqual([])
})

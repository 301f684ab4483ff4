import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runPaths } from '../../../src/dispatcher/paths.ts'
import { erasedPolicy, openArtifact } from '../../../src/dispatcher/steps/artifact.ts'
import { imageLinux, unpackInto } from '../../../src/dispatcher/steps/image-linux.ts'
import type { StepContext } from '../../../src/dispatcher/steps/step.ts'
import type { Command, Programs } from '../../../src/shared/exec.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { tinyRegistry } from '../../oci/tiny-registry.ts'
import { JOB, recipeWith } from '../task-medium.ts'

/** One that no host has. */
const ROW = { name: 'vdzz', kname: 'vdzz', pkname: null, path: '/dev/vdzz', type: 'disk', 'log-sec': 512, rm: false }
const DISK = { ...ROW, size: 20 * 1024 ** 3, wwn: null, model: null, tran: null, ro: false }

test('a disk that got the name of the prepared one while the registry was asked is not mounted, and nothing on it is deleted', async () => {
  await using registry = await tinyRegistry()
  const layer = { mediaType: 'application/octet-stream', ...registry.blob(Buffer.from('a')) }
  registry.manifest({ schemaVersion: 2, layers: [layer] }, '13')
  await using at = await mkdtempDisposable(join(tmpdir(), 'image-linux-'))
  const paths = runPaths(at.path)
  await mkdir(paths.state)
  const { path, size } = DISK
  await writeFile(
    paths.step('partition'),
    JSON.stringify({ status: 'done', disk: { path, bytes: size, serial: 'S1' } }),
  )

  const ran: string[] = []
  const write = async ({ argv }: Command) => void ran.push(argv.join(' '))
  const serial = () => (registry.requests.length === 0 ? 'S1' : 'S2')
  const context: StepContext = {
    recipe: recipeWith({ target_disk: path, oci_url: `oci://${registry.host}/os/debian:13` }),
    job: {
      ...JOB,
      controller: { ...JOB.controller, url: 'http://127.0.0.1' },
      registry: { ...JOB.registry, host: registry.host },
    },
    paths,
    protectedDevices: [],
    programs: {
      run: write,
      read: async () => JSON.stringify({ blockdevices: [{ ...DISK, serial: serial() }] }),
      feed: write,
    },
    progress: { message: () => {}, note: () => {}, bytes: () => {}, announce: async () => {}, flush: async () => {} },
    say: () => {},
    clock: systemClock,
    now: () => 0,
    signal: new AbortController().signal,
  }
  await expect(imageLinux.run(context)).rejects.toThrow('serial S2): the partition step has prepared another disk')
  expect(ran).toEqual([])
})

test('behind the erasure a registry that is away is waited for, and the job has an event of it', async () => {
  await using registry = await tinyRegistry()
  const layer = { mediaType: 'application/octet-stream', ...registry.blob(Buffer.from('a')) }
  registry.manifest({ schemaVersion: 2, layers: [layer] }, '13')
  registry.intercept = (_, response) => {
    if (registry.requests.length > 1) return false
    response.writeHead(503).end()
    return true
  }
  const [said, noted]: [string[], string[]] = [[], []]
  const say = (line: string) => void said.push(line)
  const progress = { bytes: () => {}, note: (text: string) => void noted.push(text) }
  const policy = erasedPolicy({ say, progress, now: () => 0 })
  const context = {
    recipe: recipeWith({ oci_url: `oci://${registry.host}/os/debian:13` }),
    job: {
      ...JOB,
      controller: { ...JOB.controller, url: 'http://127.0.0.1' },
      registry: { ...JOB.registry, host: registry.host },
    },
    say,
    signal: new AbortController().signal,
  }
  await openArtifact(context, { ...policy, backoff: { ...policy.backoff, firstMs: 1, maxMs: 1 } })
  expect(noted).toEqual([expect.stringMatching(/^the connection broke at the manifest, trying again: .*503/)])
  expect(said).toEqual(noted)
})

test('every file system of the new root is synced behind tar, not the root alone', async () => {
  const ran: string[] = []
  async function* stored() {
    for (let mib = 0; mib < 129; mib++) yield Buffer.alloc(1 << 20)
  }
  const intake = {
    stored: stored(),
    content: (decompressed: AsyncIterable<Uint8Array>) => decompressed,
    assertComplete: () => undefined,
  }
  const programs: Programs = {
    run: async ({ argv }) => void ran.push(argv.join(' ')),
    read: async () => '',
    feed: async (_command, source) => void (await Array.fromAsync(source, ({ length }) => length)),
  }
  await unpackInto(['/new', '/new/usr'], intake, programs, new AbortController().signal)
  expect(ran).toEqual(['sync --file-system /new /new/usr'])
})

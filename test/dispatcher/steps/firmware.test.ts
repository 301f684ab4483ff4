import { generateKeyPairSync, sign } from 'node:crypto'
import { type FileHandle, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { runPaths } from '../../../src/dispatcher/paths.ts'
import { fetchFirmware, fileName } from '../../../src/dispatcher/steps/firmware-file.ts'
import { planPull } from '../../../src/dispatcher/steps/podman.ts'
import type { StepContext } from '../../../src/dispatcher/steps/step.ts'
import { beforeTheTool, planTool } from '../../../src/dispatcher/steps/vendor-firmware.ts'
import type { Recipe } from '../../../src/shared/recipe/schema.ts'
import { tinyRegistry } from '../../oci/tiny-registry.ts'
import { JOB } from '../task-medium.ts'

const CONTENT = Buffer.from('firmware')
const SHA256 = 'c3bf47ea1f4a4a605470313cacb3a44f4a461f68c6faeab07e737610cb5ac835'
const KEYS = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PUBLIC = KEYS.publicKey.export({ type: 'spki', format: 'pem' }).toString()

let at: string
let server: Server
let answers: number[]

beforeEach(async () => {
  at = await mkdtemp(join(tmpdir(), 'firmware-'))
  answers = []
  server = createServer((_, response) => response.writeHead(answers.shift() ?? 200).end(CONTENT))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await rm(at, { recursive: true, force: true })
})

function contextOf(change: Partial<Recipe> = {}): StepContext {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bios/X11.bin`
  const recipe = { task_target: 'firmware-update.target', firmware_url: url, ...change }
  const progress = { message: () => undefined, bytes: () => undefined, flush: async () => undefined }
  return { recipe, job: JOB, progress, signal: new AbortController().signal } as unknown as StepContext
}

function fetchWith(change: Partial<Recipe>) {
  return fetchFirmware(join(at, 'file'), contextOf(change))
}

test('firmware that is what the recipe says is kept, under the name its URL gives it', async () => {
  const signature = sign('sha256', CONTENT, KEYS.privateKey).toString('base64')
  answers = [503]
  const file = await fetchWith({ firmware_sha256: SHA256, firmware_signature: { public_key: PUBLIC, signature } })
  expect(file).toEqual({ name: 'X11.bin', sha256: SHA256, bytes: 8 })
  expect(await readFile(join(at, 'file'))).toEqual(CONTENT)
})

test('firmware of a registry is gone on with where its connection broke, which is among the events of the job', async () => {
  await using registry = await tinyRegistry()
  const layer = { mediaType: 'application/octet-stream', ...registry.blob(CONTENT) }
  registry.manifest({ schemaVersion: 2, layers: [layer] }, '7')
  registry.intercept = ({ url }, response) => {
    if (!url?.includes('/blobs/') || registry.requests.length > 2) return false
    response.writeHead(200, { 'content-length': CONTENT.length })
    response.write(CONTENT.subarray(0, 3), () => response.destroy())
    return true
  }
  const noted: string[] = []
  const context = contextOf({ firmware_url: `oci://${registry.host}/os/debian:7`, firmware_sha256: SHA256 })
  const job = {
    ...JOB,
    controller: { ...JOB.controller, url: 'http://127.0.0.1' },
    registry: { ...JOB.registry, host: registry.host },
  }
  const progress = { ...context.progress, note: (text: string) => void noted.push(text) }
  await fetchFirmware(join(at, 'file'), { ...context, job, progress, say: () => undefined, now: () => 0 })
  expect(await readFile(join(at, 'file'))).toEqual(CONTENT)
  expect(noted).toEqual([expect.stringContaining('the connection broke at 3 B, trying again')])
})

test('a write that took only a part is gone on with: a tmpfs that becomes full says so at the next one only', async () => {
  await using any = await open(join(at, 'any'), 'w')
  const handles = Object.getPrototypeOf(any) as FileHandle
  const write = handles.write as (bytes: Uint8Array, ...place: unknown[]) => ReturnType<FileHandle['write']>
  vi.spyOn(handles, 'write').mockImplementationOnce(function (this: FileHandle, bytes: unknown) {
    return write.call(this, (bytes as Uint8Array).subarray(0, 3))
  })
  onTestFinished(() => void vi.restoreAllMocks())
  await fetchWith({ firmware_sha256: SHA256 })
  expect(await readFile(join(at, 'file'))).toEqual(CONTENT)
})

test.for<[string, Partial<Recipe>, string]>([
  ['has another checksum', { firmware_sha256: '0'.repeat(64) }, 'digest-mismatch'],
  [
    'was signed by somebody else',
    { firmware_signature: { public_key: PUBLIC, signature: Buffer.alloc(70).toString('base64') } },
    'signature-refused',
  ],
  [
    'is to be checked with what is no key',
    { firmware_signature: { public_key: '-----BEGIN PUBLIC KEY-----', signature: 'AAAA' } },
    'signature-refused',
  ],
])('firmware that %s is not kept', async ([, change, code]) => {
  await expect(fetchWith(change)).rejects.toMatchObject({ code })
  expect(await readdir(at)).toEqual([])
})

test('a server that trickles does not take the time of the tool: the step ends before it is started', async () => {
  server.removeAllListeners('request').on('request', (_, response) => {
    const trickle = setInterval(() => response.write('x'), 5)
    response.on('close', () => clearInterval(trickle))
  })
  const preparing = beforeTheTool(contextOf(), 60, (limited) => fetchFirmware(join(at, 'file'), limited))
  await expect(preparing).rejects.toThrow(
    'file and tool have not arrived within 0.001 min, and the tool was not started',
  )
  expect(await readdir(at)).toEqual([])
})

test('where the time ends between two tries the failure has what the last one met', async () => {
  answers = [503]
  const preparing = beforeTheTool(contextOf(), 300, (limited) => fetchFirmware(join(at, 'file'), limited))
  await expect(preparing).rejects.toMatchObject({ cause: { message: expect.stringContaining('answered 503') } })
})

test('what ends before the limit is given on, its failure too', async () => {
  await expect(beforeTheTool(contextOf(), 60_000, async () => 'fetched')).resolves.toBe('fetched')
  const failing = beforeTheTool(contextOf(), 60_000, ({ recipe }) => Promise.reject(new TypeError(recipe.task_target)))
  await expect(failing).rejects.toThrow(TypeError)
})

test('a name that is none is replaced', () => {
  expect(['/a/BIOS_1.2.cap', '/', '/a/..', '/a/-rf', '/a/b%20c'].map(fileName)).toEqual([
    'BIOS_1.2.cap',
    ...Array.from({ length: 4 }, () => 'firmware.bin'),
  ])
})

test('the tool gets the file read-only, in the cgroup of the unit', () => {
  expect(planTool('h/sum:1', ['-f', '{file}', '--log={file}.log'], '/var/tmp/x', 'b.bin').argv.join(' ')).toBe(
    'podman run --rm --replace --name=vendor-firmware --pull=never --cgroups=split --privileged --network=host' +
      ' --log-driver=none --volume /dev:/dev --volume /var/tmp/x:/firmware:ro' +
      ' h/sum:1 -f /firmware/b.bin --log=/firmware/b.bin.log',
  )
})

test("the job's credential goes to the controller's registry alone, and is no argument", () => {
  const paths = runPaths('/run/provision')
  const job = { ...JOB, controller: { url: 'https://127.0.0.1:15000', ca_pem: 'x' } }
  expect(planPull(`oci://${JOB.registry.host}/t:1`, { job, paths }).argv.join(' ')).toBe(
    'podman pull --quiet --authfile /run/provision/secrets/registry-auth.json' +
      ' --cert-dir /run/provision/certificates 127.0.0.1:15000/t:1',
  )
  expect(planPull('oci://192.0.2.9/t:1', { job, paths }).argv.join(' ')).toBe('podman pull --quiet 192.0.2.9/t:1')
  expect(planPull(`oci://${JOB.registry.host}/t:1`, { job: JOB, paths }).argv).toContain('--tls-verify=false')
})

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Bind } from '../lab/programs.ts'
import { bareRoot, inBareRoot, type Suite } from './bare-root.ts'
import { type Ended, end, executable, ROOT } from './executable.ts'

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' }

const RECIPE = `task_target: install-linux.target
target_disk: /dev/vda
oci_url: oci://registry.example/os:1
partition_layout:
  - { size: 512M, type_guid: c12a7328-f81f-11d2-ba4b-00a0c93ec93b, format: vfat, mountpoint: /boot/efi }
  - { size: 100%, type_guid: 4f68bce3-e8cd-4db1-96e7-fbcaf984b709, format: ext4, mountpoint: / }
`

describe.for(['bookworm', 'trixie'] as const)('alone in a minimal Debian (%s)', (suite) => {
  let directory: string
  let binds: readonly Bind[]

  beforeAll(async () => {
    await bareRoot(suite)
    directory = await mkdtemp(join(tmpdir(), 'bare-host-'))
    await mkdir(join(directory, 'tree'))
    await writeFile(join(directory, 'tree', 'file'), 'content')
    await writeFile(join(directory, 'recipe.yaml'), RECIPE)
    binds = [
      { host: await executable(), inside: '/provisioner', readonly: true },
      { host: directory, inside: '/data' },
    ]
  })

  afterAll(() => rm(directory, { recursive: true, force: true }))

  const run = async (...argv: string[]): Promise<Ended> => {
    const [program, args] = await inBareRoot(suite, binds, argv)
    return end(program, args, ENVIRONMENT)
  }

  test('there is no Node', async () => {
    expect((await run('sh', '-c', 'command -v node npm')).code).not.toBe(0)
  })

  test('--version', async () => {
    expect(await run('/provisioner', '--version')).toEqual({ code: 0, stdout: 'provisioner 0.1.0\n', stderr: '' })
  })

  test('recipe validate', async () => {
    expect(await run('/provisioner', 'recipe', 'validate', '/data/recipe.yaml')).toEqual({
      code: 0,
      stdout: '/data/recipe.yaml: valid\n',
      stderr: '',
    })
  })

  test('iso create', async () => {
    const command = ['iso', 'create', '--output', '/data/out.iso', '--label', 'TEST', '/data/tree']
    expect(await run('/provisioner', ...command)).toMatchObject({ code: 0 })
    const image = await readFile(join(directory, 'out.iso'))
    expect(image.toString('latin1', 0x8001, 0x8006)).toBe('CD001') // ECMA-119 8.1.2
  })

  test('maintenance export: the build context, with this very program in it', async () => {
    expect(await run('/provisioner', 'maintenance', 'export', '/data/context')).toMatchObject({ code: 0 })
    const context = join(directory, 'context')
    const there = await readdir(context, { recursive: true, withFileTypes: true })
    const written = there.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    expect(written.length).toBeGreaterThan(30)
    for (const path of written) {
      const name = relative(context, path)
      const origin = name === 'dist/provisioner' ? await executable() : join(ROOT, name)
      expect((await readFile(path)).equals(await readFile(origin)), name).toBe(true)
    }
  })

  test('serve answers and stops when it is told to', async () => {
    const server = await serve(suite, binds)
    const answer = await fetch(new URL('/healthz', server.url))
    expect(answer.status).toBe(200)
    await answer.text()
    const ended = once(server.child, 'exit')
    server.child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })
})

/** Starts `serve` on a free port and waits until it says where it listens. */
async function serve(suite: Suite, binds: readonly Bind[]): Promise<{ child: ChildProcess; url: string }> {
  const options = ['--listen', '127.0.0.1:0', '--data', '/data/controller', '--no-tls']
  const [program, args] = await inBareRoot(suite, binds, ['/provisioner', 'serve', ...options])
  const child = spawn(program, args, { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line) as { url?: string }
    if (url !== undefined) {
      child.stdout.resume()
      return { child, url }
    }
  }
  throw new Error(`Cannot use serve: it ended without naming its URL: ${said}`)
}

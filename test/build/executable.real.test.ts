import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { assetNames } from '../../src/shared/assets.ts'
import { end, executable, NODE, ROOT } from './executable.ts'

let provisioner: string
let directory: string

beforeAll(async () => {
  provisioner = await executable()
  directory = await mkdtemp(join(tmpdir(), 'executable-'))
})

afterAll(() => rm(directory, { recursive: true, force: true }))

test('it tells its version, and nothing on standard error', async () => {
  expect(await end(provisioner, ['--version'])).toEqual({ code: 0, stdout: 'provisioner 0.1.0\n', stderr: '' })
})

test('it is one file of at most 115 MB', async () => {
  expect((await stat(provisioner)).size).toBeLessThan(115e6)
})

test('it starts in a fraction of a second', async () => {
  const times: number[] = []
  for (let i = 0; i < 5; i++) {
    const started = performance.now()
    await end(provisioner, ['--version'])
    times.push(performance.now() - started)
  }
  expect(Math.min(...times)).toBeLessThan(300) // 25 ms on an idle machine
})

test('NODE_OPTIONS injects no code', async () => {
  const script = join(directory, 'injected.cjs')
  await writeFile(script, 'console.log("injected")')
  const env = { ...process.env, NODE_OPTIONS: `--require ${script}` }
  expect((await end(NODE, ['--version'], env)).stdout).not.toContain('injected') // node answers before it loads anything
  expect((await end(NODE, ['-e', '0'], env)).stdout).toContain('injected')
  expect((await end(provisioner, ['--version'], env)).stdout).toBe('provisioner 0.1.0\n')
})

test.for(['-e', '--inspect', '--require=x'])('it takes no option of Node: %s', async (option) => {
  expect((await end(provisioner, [option, '0'])).code).toBe(2)
})

test('its ready-made recipe validator finds what the schema, compiled from sources, finds', async () => {
  const recipe = join(directory, 'bad.yaml')
  await writeFile(recipe, 'task_target: UPPER.target\ntarget_disk: /dev/mapper/../../etc/passwd\nunknown: 1\n')
  const args = ['recipe', 'validate', '--json', recipe]
  const answer = await end(provisioner, args)
  expect(answer.code).toBe(1)
  expect(answer).toEqual(await end(NODE, [join(ROOT, 'src/main.ts'), ...args]))
})

test('its controller serves the dashboard, every file as it is in the sources', async () => {
  const data = ['--data', join(directory, 'data'), '--admin-token-file', join(directory, 'token')]
  const argv = ['serve', '--no-tls', '--listen', '127.0.0.1:0', ...data]
  const child = spawn(provisioner, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const port = () => Number(/"port":(\d+)/.exec(said)?.[1])
  await expect.poll(port, { timeout: 15_000 }).toBeGreaterThan(0)
  const served = async (path: string) => (await fetch(`http://127.0.0.1:${port()}${path}`)).text()
  for (const name of assetNames('assets/dashboard')) {
    const path = name.endsWith('.html') ? '/' : name.replace('assets', '')
    expect(await served(path), path).toBe(await readFile(join(ROOT, name), 'utf8'))
  }
  child.kill('SIGTERM')
  await once(child, 'close')
})

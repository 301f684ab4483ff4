import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const QUIET = '--disable-warning=ExperimentalWarning'

function shell(line: string) {
  const environment = { ...process.env, NODE: process.execPath, MAIN, QUIET, PROVISIONER_TOKEN: 'x' }
  return spawnSync('bash', ['-o', 'pipefail', '-c', line], { encoding: 'utf8', env: environment })
}

test('a full disk under standard output is an error in one sentence', () => {
  const { status, stderr } = shell('"$NODE" "$QUIET" "$MAIN" recipe schema >/dev/full')
  expect([status, stderr.trim().split('\n').length]).toEqual([1, 1])
  expect(stderr).toContain('Cannot write its output')
})

test('a controller whose log cannot be written serves all the same, and stops when it is told to', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'serve-'))
  const [data, file] = [join(directory, 'data'), join(directory, 'token')]
  const argv = [QUIET, MAIN, 'serve', '--no-tls', '--listen', '127.0.0.1:0', '--data', data, '--admin-token-file', file]
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, argv, { stdio: ['ignore', full, 'inherit'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  await expect.poll(() => existsSync(file) || child.exitCode !== null, { timeout: 15_000 }).toBe(true)
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
  closeSync(full)
  rmSync(directory, { recursive: true })
}, 30_000)

test('a reader that leaves early ends the program without a word', () => {
  const { stderr } = shell('"$NODE" "$QUIET" "$MAIN" recipe schema | true')
  expect(stderr).toBe('')
})

test.for([
  ['foo', 'Cannot use "foo" as --controller', 2],
  ['ftp://192.0.2.1', 'as --controller', 2],
])('the controller address %s is a usage error', ([url, message, code]) => {
  const { status, stderr } = shell(`"$NODE" "$QUIET" "$MAIN" job list --controller ${url}`)
  expect(stderr).toContain(message)
  expect(status).toBe(code)
})

test('a web server that is no controller is told so', async () => {
  const server = createServer((_, response) => response.end('<html>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const argv = [QUIET, MAIN, 'job', 'list', '--controller', url]
  const child = spawn(process.execPath, argv, { env: { ...process.env, PROVISIONER_TOKEN: 'x' } })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  server.close()
  expect([code, said]).toEqual([1, expect.stringContaining('is it a controller?')])
})

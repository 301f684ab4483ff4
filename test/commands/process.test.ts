import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const QUIET = '--disable-warning=ExperimentalWarning'

function shell(line: string) {
  const environment = { ...process.env, NODE: process.execPath, MAIN, QUIET, PROVISIONER_TOKEN: 'x' }
  return spawnSync('bash', ['-o', 'pipefail', '-c', line], { encoding: 'utf8', env: environment })
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return once(socket, 'connect')
    .then(() => true)
    .catch(() => false)
    .finally(() => socket.destroy())
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
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = new Promise((resolve) => child.once('close', resolve))
  await expect.poll(() => existsSync(file) || child.exitCode !== null, { timeout: 40_000 }).toBe(true)
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
  closeSync(full)
  rmSync(directory, { recursive: true })
}, 60_000)

test('a reader that leaves early ends the program without a word', () => {
  const { stderr } = shell('"$NODE" "$QUIET" "$MAIN" recipe schema | true')
  expect(stderr).toBe('')
})

test.for<[string, string]>([
  ['job list --controller foo', 'foo'],
  ['login --username ann --controller 192.0.2.1:8443', '192.0.2.1:8443'],
  ['login --username ann --controller https://host:99999', 'https://host:99999'],
])('an address that is none is a usage error: %s', ([line, address]) => {
  const usage = shell(`"$NODE" "$QUIET" "$MAIN" ${line}`)
  expect(usage.status).toBe(2)
  expect(usage.stderr).toContain(`--controller is an address such as "https://192.0.2.1:8443", not "${address}"`)
  expect(usage.stderr).toContain(`See "provisioner ${line.split(' --')[0]} --help"`)
})

test('a second signal ends a controller at once, however long its clients take', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'serve-'))
  const [data, file] = [join(directory, 'data'), join(directory, 'token')]
  const argv = [QUIET, MAIN, 'serve', '--no-tls', '--listen', '127.0.0.1:0', '--data', data, '--admin-token-file', file]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve([code, signal])))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const port = () => Number(/"port":(\d+)/.exec(said)?.[1])
  await expect.poll(port, { timeout: 40_000 }).toBeGreaterThan(0)
  // A body that never comes: stopping waits for it.
  const slow = connect(port(), '127.0.0.1')
  slow.on('error', () => undefined)
  slow.write('POST /api/v1/status-webhook/SN1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{')
  await once(slow, 'connect')
  const begun = performance.now()
  child.kill('SIGTERM')
  // It does not listen any more, so the first signal has arrived.
  await expect.poll(() => isListening(port()), { timeout: 40_000 }).toBe(false)
  expect(child.exitCode).toBeNull()
  child.kill('SIGTERM')
  expect(await ended).toEqual([null, 'SIGTERM'])
  expect(performance.now() - begun, 'less than it waits for clients').toBeLessThan(9_000)
  slow.destroy()
  rmSync(directory, { recursive: true })
}, 60_000)

test('a level that is none is a usage error of the registry too', () => {
  const usage = shell('"$NODE" "$QUIET" "$MAIN" registry serve --listen 127.0.0.1:0 --data /nowhere --log-level loud')
  expect([usage.status, usage.stderr]).toEqual([
    2,
    expect.stringContaining('--log-level is one of debug, info, warn, error, not "loud"'),
  ])
})

test('a path that is none is told in a sentence, not as a bug', () => {
  const { status, stderr } = shell(
    '"$NODE" "$QUIET" "$MAIN" registry serve --no-tls --listen 127.0.0.1:0 --data "$MAIN/x"',
  )
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^provisioner: Cannot go on: ENOTDIR.*main\.ts\/x'\n$/)])
})

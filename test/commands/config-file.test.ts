import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Io } from '../../src/commands/command.ts'
import { environmentName, readInvocation } from '../../src/commands/parse.ts'
import { serve } from '../../src/commands/serve.ts'
import { readServeConfig } from '../../src/config.ts'

let directory = ''
let path = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'config-'))
  path = join(directory, 'provisioner.yaml')
})

afterAll(() => rmSync(directory, { recursive: true }))

async function read(text: string, argv: string[] = [], env: Record<string, string> = {}) {
  writeFileSync(path, text)
  const io = { env } as unknown as Io
  return readInvocation(serve, ['--config', path, ...argv], io, new AbortController().signal)
}

test('the command line wins over the environment, that over the file, that over the default', async () => {
  const text = 'listen: 192.0.2.1:1\nworkers: 7\nno-tls: true\nlog-level: debug\n'
  const env = { PROVISIONER_WORKERS: '8', PROVISIONER_LOG_LEVEL: 'warn' }
  const config = readServeConfig(await read(text, ['--log-level', 'error'], env))
  expect(config).toMatchObject({ host: '192.0.2.1', workers: 8, tls: false, logLevel: 'error' })
  expect(config.dataDir).toBe('/var/lib/provisioner')
})

test('a switch of the file can be switched off in the environment', async () => {
  expect((await read('no-tls: true\n', [], { [environmentName('no-tls')]: '0' })).flag('no-tls')).toBe(false)
})

test('the file can be named in the environment, and a file of comments sets nothing', async () => {
  writeFileSync(path, '# nothing yet\n')
  const io = { env: { PROVISIONER_CONFIG: path } } as unknown as Io
  const invocation = await readInvocation(serve, [], io, new AbortController().signal)
  expect(readServeConfig(invocation).workers).toBe(128)
})

test('every problem of the file is named at once, with its line and key', async () => {
  const text = 'lisen: 0.0.0.0:1\nno-tls: "yes"\nworkers: [1]\n\ndata:\ncheck: true\n'
  await expect(read(text)).rejects.toMatchObject({
    code: 'config-invalid',
    problems: [
      { path: '/lisen', message: 'line 1: "lisen" is no setting of "provisioner serve"' },
      { path: '/no-tls', message: 'line 2: true or false is expected' },
      { path: '/workers', message: 'line 3: N is expected' },
      { path: '/data', message: 'line 5: it has no value; take the line out instead' },
      { path: '/check', message: 'line 6: "check" is no setting of "provisioner serve"' },
    ],
  })
})

test.for<[string, string, string]>([
  [
    'a value that is none of those there are',
    'log-level: loud\n',
    'line 1: one of debug, info, warn, error is expected',
  ],
  ['a key given twice', 'workers: 1\nworkers: 2\n', 'line 2'],
  ['no mapping', '- listen\n', 'line 1'],
  ['no YAML', 'listen: "x\nworkers: 1\n', 'line'],
])('%s is a problem with its line', async ([, text, place]) => {
  await expect(read(text)).rejects.toMatchObject({
    code: 'config-invalid',
    problems: expect.arrayContaining([expect.objectContaining({ message: expect.stringContaining(place) })]),
  })
})

test('values that mean nothing are named where they stand, in file, environment and command line', async () => {
  const invocation = await read('listen: nowhere\n', ['--workers', '0'], { PROVISIONER_KEEP_JOBS: 'all' })
  expect(() => readServeConfig(invocation)).toThrow(
    expect.objectContaining({
      problems: [
        { path: `${path} line 1 listen`, code: 'setting', message: '"nowhere" is not ADDR:PORT' },
        { path: '--workers', code: 'setting', message: 'a whole number above 0 is expected' },
        { path: 'PROVISIONER_KEEP_JOBS', code: 'setting', message: 'a whole number of days is expected, or 0' },
      ],
    }),
  )
})

test('a file that is missing or too large is refused by name', async () => {
  const io = { env: {} } as unknown as Io
  const missing = readInvocation(serve, ['--config', join(directory, 'none')], io, new AbortController().signal)
  await expect(missing).rejects.toThrow(`Cannot read the configuration "${join(directory, 'none')}"`)
  await expect(read('#'.repeat(300_000))).rejects.toThrow('it is larger than')
})

test('reading again sees the file as it is now', async () => {
  const invocation = await read('log-level: info\n')
  writeFileSync(path, 'log-level: debug\n')
  expect((await invocation.again()).text('log-level')).toBe('debug')
})

test('--check names every value with its origin, and fails for a file that is missing', async () => {
  const printed: string[] = []
  const warned: string[] = []
  const io = {
    env: {},
    out: (text: string) => void printed.push(text),
    err: (text: string) => void warned.push(text),
    logger: async () => ({}),
  } as unknown as Io
  writeFileSync(path, 'workers: 5\n')
  const check = (...argv: string[]) =>
    readInvocation(serve, ['--config', path, '--check', ...argv], io, new AbortController().signal).then(serve.run)
  expect(await check()).toBe(0)
  expect(printed.join('')).toMatch(new RegExp(`^workers +5 +${path} line 1 workers$`, 'm'))
  expect(warned).toEqual(['Warning: public-url is https://127.0.0.1:8443, which no BMC or server can reach\n'])
  expect(await check('--listen', '0.0.0.0:8443', '--public-url', 'https://192.0.2.1:8443')).toBe(0)
  expect(warned).toHaveLength(1)
  const missing = ['--tls-cert', join(directory, 'none.pem'), '--tls-key', join(directory, 'none.key')]
  await expect(check(...missing)).rejects.toMatchObject({ code: 'config-invalid' })
  await expect(check('--maintenance-iso', join(directory, 'none.iso'))).rejects.toThrow(
    'Cannot read the maintenance image',
  )
})

test('media by plain HTTP need a socket of their own, and may have the second socket of the service manager', async () => {
  expect(readServeConfig(await read('media-listen: 192.0.2.1:8080\n')).mediaListen).toEqual({
    host: '192.0.2.1',
    port: 8080,
  })
  const shared = await read('listen: 192.0.2.1:8443\nmedia-listen: 192.0.2.1:8443\n')
  expect(() => readServeConfig(shared)).toThrow(
    expect.objectContaining({ problems: [expect.objectContaining({ path: `${path} line 2 media-listen` })] }),
  )
  const apart = await read('listen: 10.0.0.5:8080\nmedia-listen: 192.0.2.1:8080\n')
  expect(readServeConfig(apart).mediaListen).toEqual({ host: '192.0.2.1', port: 8080 })
  const all = await read('listen: :8080\nmedia-listen: 192.0.2.1:8080\n')
  expect(() => readServeConfig(all)).toThrow('Cannot use the configuration')
  const inherited = (count: string) => ({ LISTEN_PID: String(process.pid), LISTEN_FDS: count })
  const listenFds = async (count: string) => {
    const { listenFd, mediaListenFd } = readServeConfig(await read('', [], inherited(count)))
    return [listenFd, mediaListenFd]
  }
  expect(await listenFds('1')).toEqual([3, undefined])
  expect(await listenFds('2')).toEqual([3, 4])
  await expect(listenFds('3')).rejects.toThrow('one or 2 are expected, 3 were given')
})

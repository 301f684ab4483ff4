import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { artifact } from '../../src/commands/artifact.ts'
import type { Io } from '../../src/commands/command.ts'
import { readInvocation } from '../../src/commands/parse.ts'
import { transferBreaks, transferLine, transferProgress } from '../../src/commands/transfer-progress.ts'
import { OciError } from '../../src/registry/errors.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { createLogger } from '../../src/shared/log.ts'
import { served, testRegistry } from '../registry/support/open-registry.ts'
import { scratch } from '../support/scratch.ts'

let directory: string

beforeEach(() => {
  directory = scratch()
})

function fakeIo(env: Record<string, string> = {}, interactive = false) {
  const printed = { out: '', err: '' }
  const io: Io = {
    ...{ env: { HOME: directory, ...env }, interactive, colour: false, columns: 100 },
    out: (text) => {
      printed.out += text
    },
    err: (text) => {
      printed.err += text
    },
    input: async () => '',
    ask: async () => undefined,
    askHidden: async () => undefined,
    logger: async (level) => createLogger(level),
  }
  return { io, printed }
}

/** Runs `artifact …` as main.ts does. */
async function run(env: Record<string, string>, word: string, ...argv: string[]) {
  const { io, printed } = fakeIo(env)
  const command = artifact.commands.find(({ name }) => name === `artifact ${word}`)
  if (command === undefined) expect.fail(`no command "${word}"`)
  await command.run(await readInvocation(command, argv, io, new AbortController().signal))
  return printed
}

/** A registry for `me` with the password `secret`, and its host. */
async function loggedIn() {
  const registry = await testRegistry({
    async authorize({ authorization }) {
      if (authorization !== `Basic ${Buffer.from('me:secret').toString('base64')}`) throw new OciError('UNAUTHORIZED')
      return undefined
    },
  })
  return new URL((await served(registry)).url).host
}

test('files are pushed, listed, copied and pulled', async () => {
  const host = new URL((await served(await testRegistry())).url).host
  const [one, two] = [join(directory, 'one'), join(directory, 'two')]
  await writeFile(one, 'first')
  await writeFile(two, 'second')
  const ref = `oci://${host}/os/files:1`
  const pushed = await run({}, 'push', '--plain-http', one, two, ref)
  expect(pushed.out).toMatch(/^sha256:[0-9a-f]{64}\n$/)
  expect(pushed.err).toContain(`${host}/os/files: 3 blobs`)

  const archive = `oci-archive:${join(directory, 'a.tar')}`
  await run({}, 'copy', '--plain-http', ref, archive)
  const copied = await run({}, 'copy', '--plain-http', '--json', archive, `${host}/os/copy`)
  expect(JSON.parse(copied.out)).toMatchObject({ digest: pushed.out.trim(), stored: 3, bytes: 13 })
  expect((await run({}, 'list', '--plain-http', host)).out).toBe('os/copy\nos/files\n')
  expect((await run({}, 'list', '--plain-http', `oci://${host}/os/copy`)).out).toBe('1\n')
  expect((await run({}, 'list', archive)).out).toBe(`${'1'.padEnd(24)} ${pushed.out}`)
  expect(JSON.parse((await run({}, 'list', '--json', archive)).out)).toEqual([{ tag: '1', digest: pushed.out.trim() }])

  const pulled = await run({}, 'pull', '--plain-http', '--json', `${host}/os/copy:1`, join(directory, 'out'))
  expect(JSON.parse(pulled.out)).toMatchObject({ files: ['one', 'two'] })
  expect(await readFile(join(directory, 'out', 'two'), 'utf8')).toBe('second')
})

test.for(['option', 'environment', 'auth.json', 'nothing'])('a login comes from: %s', async (where) => {
  const host = await loggedIn()
  const file = join(directory, 'one')
  await writeFile(file, 'x')
  await writeFile(join(directory, 'password'), 'secret\n')
  await writeFile(
    join(directory, 'auth.json'),
    JSON.stringify({ auths: { [host]: { auth: Buffer.from('me:secret').toString('base64') } } }),
  )
  const options = where === 'option' ? ['--username', 'me', '--password-file', join(directory, 'password')] : []
  const environments: Record<string, Record<string, string>> = {
    environment: { PROVISIONER_REGISTRY_USERNAME: 'me', PROVISIONER_REGISTRY_PASSWORD: 'secret' },
    'auth.json': { REGISTRY_AUTH_FILE: join(directory, 'auth.json') },
  }
  const push = run(environments[where] ?? {}, 'push', '--plain-http', ...options, file, `${host}/a:1`)
  if (where === 'nothing') await expect(push).rejects.toThrow('answered 401')
  else expect((await push).out).toContain('sha256:')
})

test('the password of one end of a copy does not go to the other', async () => {
  const [from, to] = [await loggedIn(), await loggedIn()]
  const file = join(directory, 'one')
  await writeFile(file, 'x')
  const env = { PROVISIONER_REGISTRY_USERNAME: 'me', PROVISIONER_REGISTRY_PASSWORD: 'secret' }
  await run(env, 'push', '--plain-http', file, `${from}/a:1`)
  const copy = (more: Record<string, string>, ...options: string[]) =>
    run({ ...env, ...more }, 'copy', '--plain-http', ...options, `${from}/a:1`, `${to}/a:1`)
  await expect(copy({})).rejects.toThrow(`${from}/a`)
  await expect(copy({ PROVISIONER_REGISTRY_HOST: from })).rejects.toThrow(`${to}/a`)
  await writeFile(join(directory, 'password'), 'secret')
  const login = ['--to-username', 'me', '--to-password-file', join(directory, 'password')]
  expect((await copy({ PROVISIONER_REGISTRY_HOST: from }, ...login)).out).toContain('sha256:')
})

test('what is missing or does not fit is said', async () => {
  const digest = sha256('other')
  const file = join(directory, 'one')
  await writeFile(file, 'x')
  await expect(run({}, 'push', file, `localhost:1/a@${digest}`)).rejects.toMatchObject({ code: 'digest-mismatch' })
  await expect(run({}, 'push', '--username', 'me', file, 'localhost:1/a')).rejects.toThrow('--password-file FILE')
  await expect(run({}, 'push', file)).rejects.toThrow('REF is missing')
  await expect(run({}, 'list', 'file:x')).rejects.toMatchObject({ code: 'usage' })
})

test('a terminal gets one line that redraws itself, a pipe a line for each blob', () => {
  const blob = { mediaType: 'x', digest: sha256('x'), size: 1024 }
  for (const interactive of [true, false]) {
    const { io, printed } = fakeIo({}, interactive)
    const progress = transferProgress(io, [blob])
    progress.bytes(1024)
    progress.blob(blob, 'stored')
    progress.end()
    expect(printed.err.includes('\r')).toBe(interactive)
    expect(printed.err.endsWith(`1.0 KiB  copied\n`)).toBe(!interactive)
  }
})

test.for([true, false])('a source that is away is told once a minute, at a terminal: %s', (interactive) => {
  const { io, printed } = fakeIo({}, interactive)
  let now = 0
  const onBreak = transferBreaks(io, () => now)
  for (; now < 90_000; now += 1000) onBreak(new Error('read ECONNRESET'))
  expect(printed.err.match(/The connection broke, trying again: read ECONNRESET\n/g)).toHaveLength(2)
})

test('the progress line says share, amount, rate and what is left', () => {
  const MiB = 1 << 20
  expect(transferLine(50 * MiB, 100 * MiB, 50 * MiB, 5000, 80)).toBe(
    '[##########----------] 50 % 50.0 MiB of 100 MiB, 10.0 MiB/s, 5 s left',
  )
  expect(transferLine(0, 0, 0, 0, 80)).toBe('[--------------------] 0 % 0 B of 0 B')
})

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Io } from '../../src/commands/command.ts'
import { completionOf } from '../../src/commands/completion.ts'
import { readInvocation } from '../../src/commands/parse.ts'
import { COMMANDS } from '../../src/commands/table.ts'
import { createControllerMetrics } from '../../src/server/metrics.ts'
import { openDatabase } from '../../src/server/store/database.ts'
import { end } from '../build/executable.ts'
import { labCacheDirectory } from '../lab/cache.ts'
import { enterCommand } from '../lab/programs.ts'
import { debianRoot } from '../lab/roots/roots.ts'

let directory = ''

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'completion-'))
  for (const command of completionOf(COMMANDS).commands) {
    const printed: string[] = []
    const io = { env: {}, out: (text: string) => void printed.push(text) } as unknown as Io
    await command.run(await readInvocation(command, [], io, new AbortController().signal))
    await writeFile(join(directory, command.name.split(' ')[1] ?? ''), printed.join(''))
  }
})

afterAll(() => rm(directory, { recursive: true }))

/** Runs a shell in a Debian that has all three. */
async function inShell(argv: readonly string[]): Promise<string> {
  const scratch = join(labCacheDirectory(), 'mnt')
  await mkdir(scratch, { recursive: true })
  const binds = [{ host: directory, inside: '/c' }]
  const [program, ...args] = enterCommand(await debianRoot('operator'), scratch, argv, { binds })
  const { stdout, stderr } = await end(program, args, {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    TERM: 'dumb',
    LANG: 'C.UTF-8',
  })
  return stdout + stderr
}

const LINES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['provisioner reg', ['registry'], ['recipe']],
  ['provisioner job c', ['create', 'cancel'], ['watch']],
  ['provisioner serve --no', ['--no-tls'], ['--listen']],
  ['provisioner job list --status ', ['queued', 'complete'], ['--limit']],
  ['provisioner backup ', ['create', 'list', 'verify'], ['serve']],
]

test.for(LINES)('bash completes "%s"', async ([line, wanted, unwanted]) => {
  const words = line.split(' ')
  const script = `source /c/bash; COMP_WORDS=(${words.map((word) => `"${word}"`).join(' ')}); COMP_CWORD=${words.length - 1}
    compopt() { :; }; _provisioner; printf '%s\\n' "\${COMPREPLY[@]}"`
  const found = (await inShell(['bash', '-c', script])).trim().split('\n')
  expect(found).toEqual(expect.arrayContaining([...wanted]))
  for (const word of unwanted) expect(found).not.toContain(word)
})

test.for(LINES)('fish completes "%s"', async ([line, wanted, unwanted]) => {
  const text = await inShell(['fish', '--no-config', '-c', `source /c/fish; complete -C ${JSON.stringify(line)}`])
  const found = text.split('\n').map((row) => row.split('\t')[0])
  expect(found, text).toEqual(expect.arrayContaining([...wanted]))
  for (const word of unwanted) expect(found).not.toContain(word)
})

test.for(LINES)('zsh completes "%s"', async ([line, wanted, unwanted]) => {
  const words = line.split(' ')
  // Outside of a line editor: what the script would describe, by the names it is given.
  const script = `compdef() { :; }; _files() { print FILES; }; _describe() { print -l -- "\${(@P)@[-1]}"; }; source /c/zsh
    words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length}; PREFIX='${words.at(-1)}'; _provisioner`
  const text = await inShell(['zsh', '-f', '-c', script])
  // The line editor keeps those that begin with the last word.
  const found = text.split('\n').map((row) => row.split(':')[0] ?? '')
  const fitting = found.filter((word) => word.startsWith(words.at(-1) ?? ''))
  expect(fitting, text).toEqual(expect.arrayContaining([...wanted]))
  for (const word of unwanted) expect(fitting).not.toContain(word)
})

test('promtool finds no fault with the metrics', async () => {
  const metrics = createControllerMetrics()
  const meter = metrics.begin()
  meter.answered('/api/v1/jobs', 'GET', 200, false)
  meter.ended()
  metrics.bmcRequest({ vendor: 'dell "quoted"\n', method: 'GET', status: 200, ms: 10 })
  const db = openDatabase(':memory:')
  await writeFile(join(directory, 'metrics'), metrics.text(db))
  db.close()
  metrics.close()
  expect(await inShell(['bash', '-c', 'promtool check metrics </c/metrics; echo "code $?"'])).toBe('code 0\n')
})

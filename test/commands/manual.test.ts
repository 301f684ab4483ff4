import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { Command, CommandGroup, Io } from '../../src/commands/command.ts'
import { completionOf } from '../../src/commands/completion.ts'
import { docs } from '../../src/commands/docs.ts'
import { licenses } from '../../src/commands/licenses.ts'
import { readInvocation } from '../../src/commands/parse.ts'
import { COMMANDS } from '../../src/commands/table.ts'

async function output(command: Command | undefined, argv: readonly string[] = []): Promise<string> {
  const said: string[] = []
  const io = { env: {}, out: (text: string) => void said.push(text) } as unknown as Io
  if (command === undefined) throw new Error('no such command')
  await command.run(await readInvocation(command, argv, io, new AbortController().signal))
  return said.join('')
}

test('the manual lists its pages with their titles and prints one', async () => {
  expect(await output(docs)).toMatch(/configuration +Configuration of `provisioner serve`/)
  expect(await output(docs, ['configuration'])).toContain('## `listen`')
  await expect(output(docs, ['nonsense'])).rejects.toThrow(/Cannot find the topic "nonsense"/)
})

test('the licence is printed whole', async () => {
  expect(await output(licenses)).toContain('Apache License')
})

/** Every command line there is, without its arguments. */
async function allCommands(): Promise<Command[]> {
  const loaded: (Command | CommandGroup)[] = await Promise.all(COMMANDS.map((row) => row.load()))
  return loaded.flatMap((entry) => ('run' in entry ? [entry] : entry.commands))
}

test('every command has a summary and an example that begins with its name', async () => {
  for (const { name, summary, examples } of await allCommands()) {
    expect(summary, name).not.toBe('')
    expect(examples.length, name).toBeGreaterThan(0)
    for (const example of examples) expect(example).toContain(`provisioner ${name}`)
  }
})

test('nothing exported for one command says what another writes or destroys', async () => {
  const all = await allCommands()
  const twins = (name: string) => {
    const { options = {} } = all.find((command) => command.name === name) ?? {}
    return Object.keys(options).filter((option) => options[option]?.twin !== false)
  }
  expect(twins('keys rotate')).toEqual([])
  expect(twins('uninstall')).toEqual(['dry-run'])
  expect(twins('registry gc')).toEqual(['dry-run', 'json'])
  expect(all.flatMap(({ name }) => (twins(name).includes('output') ? [name] : []))).toEqual([])
})

test('bash completes commands, subcommands and options from the same table', async () => {
  const script = await output(completionOf(COMMANDS).commands.find(({ name }) => name === 'completion bash'))
  const complete = (...words: string[]) => {
    const line = words.map((word) => `'${word}'`).join(' ')
    const run = `${script}\ncompopt() { :; }\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _provisioner; echo "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', run], { encoding: 'utf8' }).trim().split(' ')
  }
  expect(complete('provisioner', 'reg')).toEqual(['registry'])
  expect(complete('provisioner', 'job', 'c')).toEqual(expect.arrayContaining(['create', 'cancel']))
  expect(complete('provisioner', 'serve', '--no')).toEqual(['--no-tls'])
  expect(complete('provisioner', 'job', 'list', '--status', 'que')).toEqual(['queued'])
})

test('the fish script has a line for every option of every command', async () => {
  const script = await output(completionOf(COMMANDS).commands.find(({ name }) => name === 'completion fish'))
  for (const { options } of await allCommands()) {
    for (const option of Object.keys(options)) expect(script).toContain(`-l ${option} `)
  }
})

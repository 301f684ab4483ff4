import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { executable } from '../build/executable.ts'

/** Types `keys` when the question has come; gives the exit code and everything the terminal showed. */
async function typed(argv: readonly string[], keys: string): Promise<{ code: number; screen: string }> {
  // script(1) of bsdutils gives the program a terminal.
  const line = argv.map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], { stdio: 'pipe' })
  let screen = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = screen.includes('BMC: ')
    screen += text
    if (!before && screen.includes('BMC: ')) child.stdin.write(keys)
  })
  const code = await new Promise<number>((resolve) => child.once('close', (ended) => resolve(ended ?? -1)))
  return { code, screen }
}

const argvOf = async () => [
  await executable(),
  ...['server', 'add', 'SN1', '--bmc', 'https://192.0.2.7', '--username', 'root', '--controller', 'http://127.0.0.1:9'],
]
process.env['PROVISIONER_TOKEN'] = 'x'

test('a password is asked for on a terminal, and what is typed is not shown', async () => {
  const { code, screen } = await typed(await argvOf(), 'hunter2\r')
  expect(screen).toContain('Password of root on the BMC: ')
  expect(screen).not.toContain('hunter2')
  expect(screen).toContain('Cannot reach the controller')
  expect(code).toBe(1)
})

test.for([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s at the question ends the program', async ([, key = '']) => {
  const { code, screen } = await typed(await argvOf(), key)
  expect(screen).toContain('Cannot go on: the question was not answered')
  expect(code).toBe(2)
})

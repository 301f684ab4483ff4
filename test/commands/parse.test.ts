import { expect, test } from 'vitest'
import type { Command, Io } from '../../src/commands/command.ts'
import { commandHelp } from '../../src/commands/help.ts'
import { parseInvocation } from '../../src/commands/parse.ts'

const command: Command = {
  name: 'thing make',
  summary: 'Make a thing',
  positionals: ['FILE', 'DIR?'],
  options: {
    size: { value: 'BYTES', default: '10', doc: 'How large' },
    label: { value: 'TEXT', required: true, doc: 'What it is called' },
    colour: { value: 'NAME', values: ['red', 'blue'], doc: 'How it looks' },
    json: { doc: 'Print JSON' },
  },
  examples: ['provisioner thing make --label x file'],
  run: async () => 0,
}

function parse(argv: string[], env: Record<string, string> = {}) {
  const io = { env } as unknown as Io
  return parseInvocation(command, argv, io, new AbortController().signal)
}

test('the command line wins over the environment, the environment over the default', () => {
  expect(parse(['--label', 'a', 'f']).text('size')).toBe('10')
  expect(parse(['--label', 'a', 'f'], { PROVISIONER_SIZE: '20' }).text('size')).toBe('20')
  expect(parse(['--label', 'a', '--size=30', 'f'], { PROVISIONER_SIZE: '20' }).text('size')).toBe('30')
  expect(parse(['f'], { PROVISIONER_LABEL: 'b', PROVISIONER_JSON: '1' }).flag('json')).toBe(true)
})

test.for<[string, string[], RegExp]>([
  ['an unknown option', ['--label', 'a', '--sise', '1', 'f'], /--sise/],
  ['a missing required option', ['f'], /--label TEXT is missing \(or PROVISIONER_LABEL\)/],
  ['a missing argument', ['--label', 'a'], /FILE is missing/],
  ['a surplus argument', ['--label', 'a', 'f', 'd', 'x'], /"x" is not expected/],
  [
    'a value that is none of those there are',
    ['--label', 'a', '--colour', 'x', 'f'],
    /--colour is one of red, blue, not "x"/,
  ],
  ['a value for a switch', ['--label', 'a', '--json=yes', 'f'], /--json/],
])('%s is a usage error that names it', ([, argv, expected]) => {
  expect(() => parse(argv)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(expected) }),
  )
})

test.for<[string[], readonly string[], string]>([
  [['a', 'REF'], ['a'], 'REF'],
  [['a', 'b', 'c', 'REF'], ['a', 'b', 'c'], 'REF'],
])('of %j the repeated argument gets %j', ([argv, files, ref]) => {
  const repeated: Command = { ...command, positionals: ['FILE...', 'REF'], options: {} }
  const { args, arg } = parseInvocation(repeated, argv, { env: {} } as unknown as Io, new AbortController().signal)
  expect([args('FILE'), arg('REF')]).toEqual([files, ref])
})

test.for<[string, boolean | undefined]>([
  ['on', true],
  ['TRUE', true],
  ['1', true],
  ['Off', false],
  ['0', false],
  ['', false],
  ['perhaps', undefined],
])('a switch whose environment twin is "%s" is %s', ([text, expected]) => {
  const flag = () => parse(['--label', 'a', 'f'], { PROVISIONER_JSON: text }).flag('json')
  if (expected === undefined) expect(flag).toThrow('PROVISIONER_JSON is a switch, yes or no, not "perhaps"')
  else expect(flag()).toBe(expected)
})

test('what an option changes, trusts or destroys is said on the command line alone', () => {
  const options = { ...command.options, label: { value: 'TEXT', required: true, twin: false, doc: '' } } as const
  const careful: Command = { ...command, options }
  const io = { env: { PROVISIONER_LABEL: 'b' } } as unknown as Io
  const read = (argv: string[]) => parseInvocation(careful, argv, io, new AbortController().signal)
  expect(() => read(['f'])).toThrow('--label TEXT is missing. See')
  expect(read(['--label', 'a', 'f']).text('label')).toBe('a')
  expect(commandHelp(careful)).toContain('Each option, but --label, can also be given in the environment')
  expect(commandHelp({ ...command, options: {} })).not.toContain('environment')
})

test('several mistakes are told at once', () => {
  expect(() => parse([])).toThrow(/FILE is missing; --label TEXT is missing/)
})

test('the help shows the synopsis, every option with its default, and examples', () => {
  expect(commandHelp(command)).toMatchInlineSnapshot(`
    "provisioner thing make --label TEXT [options] FILE [DIR]

    Make a thing

    Options
      --size BYTES                 How large (default 10)
      --label TEXT                 What it is called (required)
      --colour red|blue            How it looks
      --json                       Print JSON

    Each option can also be given in the environment, as PROVISIONER_NAME.

    Examples
      provisioner thing make --label x file
    "
  `)
})

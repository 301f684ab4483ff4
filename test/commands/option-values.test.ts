import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Command, CommandGroup } from '../../src/commands/command.ts'
import { COMMANDS } from '../../src/commands/table.ts'
import { runCommand } from './support/run-command.ts'

async function commandOf(name: string): Promise<Command> {
  const loaded: Command | CommandGroup | undefined = await COMMANDS.find(
    (row) => row.name === name.split(' ')[0],
  )?.load()
  const found = loaded === undefined || 'run' in loaded ? loaded : loaded.commands.find((each) => each.name === name)
  return found ?? expect.fail(`no ${name}`)
}

test.for<[string, string, string]>([
  ['job list', '--limit 0', '--limit is a whole number from 1 to 1000000, not "0"'],
  ['audit list', '--limit 1001', '--limit is a whole number from 1 to 1000, not "1001"'],
  ['audit list', '--limit many', '--limit is a whole number from 1 to 1000, not "many"'],
  ['job logs', '--lines 1.5 01K', '--lines is a whole number from 1 to 99999, not "1.5"'],
  ['job logs', '--lines 5 --follow 01K', '--lines and --follow exclude each other'],
  ['token create', '--days 40000 ci', '--days is a whole number from 1 to 36500, not "40000"'],
  ['job list', '--status done', '--status is one of queued, provisioning, succeeded, failed, complete, not "done"'],
  ['user add', '--role root --password-file - ann', '--role is one of admin, operator, reader, not "root"'],
  ['user set-role', 'ann root', 'admin|operator|reader is expected, not "root"'],
  ['server power', 'SN1 reset', 'on|off|status is expected, not "reset"'],
  ['server set', 'SN1 --verify-tls perhaps', '--verify-tls is one of yes, no, not "perhaps"'],
  ['server set', 'SN1', 'nothing to change was named'],
  ['notify', 'perhaps', 'success|failed is expected, not "perhaps"'],
  ['registry scrub', '--data x --rate fast', '--rate is a size such as 64MiB, not "fast"'],
  ['registry gc', '--data x --grace-hours x', '--grace-hours is a number of hours, not "x"'],
  ['registry serve', '--data x --listen here', '--listen is ADDR:PORT, not "here"'],
  ['maintenance build', '--from x --output y --loader lilo', '--loader is one of auto, uki, grub, not "lilo"'],
  ['artifact list', '--username ann a.example/b', '--username needs --password-file FILE'],
])('"%s %s" is refused as every mistake on the command line is', async ([name, argv, why]) => {
  const { error } = await runCommand(await commandOf(name), argv.split(' '), { PROVISIONER_TOKEN: 'x' })
  const message = `Cannot run "provisioner ${name}": ${why}. See "provisioner ${name} --help"`
  expect(error).toMatchObject({ code: 'usage', message })
})

test('what is given goes into the query, and what changes something answers with JSON on demand', async () => {
  const asked: string[] = []
  const controller = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.replace('/api/v1', '')}`)
    response.end(request.method === 'GET' ? '{"entries":[]}' : '')
  })
  await new Promise<void>((resolve) => controller.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void controller.close())
  const { port } = controller.address() as AddressInfo
  const env = { PROVISIONER_CONTROLLER: `http://127.0.0.1:${port}`, PROVISIONER_TOKEN: 'x' }
  const outputOf = async (name: string, ...argv: string[]) => (await runCommand(await commandOf(name), argv, env)).out
  await outputOf('audit list', '--object', 'servers/SN1')
  expect(await outputOf('user remove', 'ann', '--json')).toBe('{"removed":"ann"}\n')
  expect(await outputOf('server remove', 'SN1', '--json')).toBe('{"removed":"SN1"}\n')
  expect(await outputOf('token revoke', '3f9c', '--json')).toBe('{"revoked":"3f9c"}\n')
  expect(await outputOf('token revoke', '3f9c')).toBe('3f9c revoked\n')
  expect(asked.slice(0, 4)).toEqual([
    'GET /audit?object=servers%2FSN1&limit=100',
    'DELETE /users/ann',
    'DELETE /servers/SN1',
    'DELETE /tokens/3f9c',
  ])
})

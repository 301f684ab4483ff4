import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { readServerFile } from '../../src/commands/server-file.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'servers-'))
  writeFileSync(join(directory, 'bmc.password'), 'hunter2\n')
  return () => rmSync(directory, { recursive: true })
})

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}

test('a CSV file and a YAML file say the same, with passwords in files beside them', async () => {
  const csv =
    'serial,bmc,username,password_file,verify_tls,simulate\nSN1,https://192.0.2.7,root,bmc.password,yes,\nT1,,,,,idrac9\n'
  const yaml = `
- { serial: SN1, bmc: "https://192.0.2.7", username: root, password_file: bmc.password, verify_tls: true }
- { serial: T1, simulate: idrac9 }
`
  const servers = await readServerFile(file('servers.csv', csv))
  expect(servers).toEqual([
    { serial: 'SN1', bmc_url: 'https://192.0.2.7', bmc_username: 'root', bmc_password: 'hunter2', verify_tls: true },
    { serial: 'T1', bmc_url: 'simulate:idrac9', bmc_username: 'simulated', bmc_password: 'simulated' },
  ])
  expect(await readServerFile(file('servers.yaml', yaml))).toEqual(servers)
})

test('every mistake of every row is named at once', async () => {
  const csv =
    'serial,bmc,username,password_file,colour\nSN1,https://192.0.2.7,,none.password,red\nSN1,,root,bmc.password,\n'
  const error = await readServerFile(file('servers.csv', csv)).catch((cause: unknown) => cause)
  expect(error).toMatchObject({ code: 'request-invalid' })
  expect((error as { problems: { path: string }[] }).problems.map(({ path }) => path)).toEqual([
    '/0/colour',
    '/0/username',
    '/0/password_file',
    '/1/colour',
    '/1/serial',
    '/1/bmc',
  ])
})

test.for([
  ['servers.csv', ''],
  ['servers.csv', 'serial,bmc\n'],
  ['servers.csv', 'serial\n"open\n'],
  ['servers.yaml', 'serial: SN1\n'],
  ['servers.yaml', '- [a\n'],
])('%s with %j is refused', async ([name = '', text = '']) => {
  await expect(readServerFile(file(name, text))).rejects.toMatchObject({ code: 'request-invalid' })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { readNetworkFile } from '../../src/commands/network-plan.ts'
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

test('YAML changes nothing that was written, and CSV nothing in quotes', async () => {
  const rest = 'bmc: "https://192.0.2.7", vendor: null, uuid:'
  const yaml = `
- { serial: 00123, password: 012345, username: 1e5, ${rest} }
- { serial: 12E5, password: 1.10, username: 0x1F, ${rest} }
- { serial: yes, password: " a", username: 12345678901234567890, verify_tls: yes, ${rest} }
`
  expect(await readServerFile(file('servers.yaml', yaml))).toMatchObject([
    { serial: '00123', bmc_password: '012345', bmc_username: '1e5' },
    { serial: '12E5', bmc_password: '1.10', bmc_username: '0x1F' },
    { serial: 'yes', bmc_password: ' a', bmc_username: '12345678901234567890', verify_tls: true },
  ])
  const csv = 'serial, bmc ,username,password\nSN1, https://192.0.2.7 , root , " ""a"" " \n'
  expect(await readServerFile(file('servers.csv', csv))).toEqual([
    { serial: 'SN1', bmc_url: 'https://192.0.2.7', bmc_username: 'root', bmc_password: ' "a" ' },
  ])
})

const PLAN = 'mac: 52:54:00:12:34:56\naddresses: [192.0.2.17/24]\ngateway: 192.0.2.1\nvlan: 7\n'
const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: '192.0.2.1', dns: [], vlan: 7 }

test('a static network plan stands in the YAML list, or in a file beside the CSV', async () => {
  file('plan.yaml', PLAN)
  const yaml = `- serial: T1\n  simulate: idrac9\n  network:\n${PLAN.replace(/^/gm, '    ').trimEnd()}\n`
  const csv = 'serial,simulate,network_file\nT1,idrac9,plan.yaml\n'
  expect(await readServerFile(file('servers.yaml', yaml))).toMatchObject([{ serial: 'T1', network }])
  expect(await readServerFile(file('servers.csv', csv))).toMatchObject([{ serial: 'T1', network }])
  expect(await readNetworkFile(join(directory, 'plan.yaml'))).toEqual(network)
})

test.for([
  ['addresses: 192.0.2.17/24\ncolour: red\nmtu: big\n', ['/colour', '/mtu', '/mac']],
  ['- a\n', ['/']],
  ['mac: { a: b }\naddresses: [[a]]\n', ['/mac', '/addresses']],
] as const)('a plan that is none is refused with its places: %j', async ([text, paths]) => {
  const error = await readNetworkFile(file('plan.yaml', text)).catch((cause: unknown) => cause)
  expect((error as { problems: { path: string }[] }).problems.map(({ path }) => path)).toEqual(paths)
})

test('a line is that of the file, whatever is in quotes before it', async () => {
  const csv = 'serial,simulate,vendor\nT1,idrac9,"a\nb"\n\nT1,idrac9,\n'
  await expect(readServerFile(file('servers.csv', csv))).rejects.toMatchObject({
    problems: [{ path: 'line 5 serial' }],
  })
  const yaml = '- { serial: T1, simulate: idrac9 }\n\n- serial: T2\n  simulate: [a]\n'
  await expect(readServerFile(file('servers.yaml', yaml))).rejects.toMatchObject({
    problems: [{ path: 'line 3 simulate' }, {}, {}, {}],
  })
})

test('every mistake of every row is named at once', async () => {
  const csv =
    'serial,bmc,username,password_file,colour\nSN1,https://192.0.2.7,,none.password,red\nSN1,,root,bmc.password,\n'
  const error = await readServerFile(file('servers.csv', csv)).catch((cause: unknown) => cause)
  expect(error).toMatchObject({ code: 'request-invalid' })
  const { problems } = error as { problems: { path: string; message: string }[] }
  expect(problems[2]?.message).toMatch(/^Cannot read ".*none\.password": ENOENT/)
  expect(problems.map(({ path }) => path)).toEqual([
    'line 2 colour',
    'line 2 username',
    'line 2 password_file',
    'line 3 colour',
    'line 3 serial',
    'line 3 bmc',
  ])
})

test('two columns that say one thing are refused', async () => {
  const csv = `serial,bmc,username,password,password_file,simulate,network_file
SN1,https://192.0.2.7,root,a,bmc.password,,
T1,https://192.0.2.7,,,,idrac9,
`
  const error = await readServerFile(file('servers.csv', csv)).catch((cause: unknown) => cause)
  expect((error as { problems: unknown[] }).problems).toEqual([
    { path: 'line 2 password_file', code: 'row', message: 'and "password" exclude each other' },
    { path: 'line 3 bmc', code: 'row', message: 'and "simulate" exclude each other' },
  ])
})

test.for([
  ['servers.csv', ''],
  ['servers.csv', 'serial,bmc\n'],
  ['servers.csv', 'serial\n"open\n'],
  ['servers.yaml', 'serial: SN1\n'],
  ['servers.yaml', '- [a\n'],
  ['servers.yaml', '- &a { serial: SN1 }\n- *a\n'],
  ['servers.yaml', '- { serial: &a SN1, bmc: *a }\n'],
])('%s with %j is refused', async ([name = '', text = '']) => {
  await expect(readServerFile(file(name, text))).rejects.toMatchObject({ code: 'request-invalid' })
})

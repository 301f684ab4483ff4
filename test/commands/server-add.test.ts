import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { add } from '../../src/commands/server-add.ts'
import { set } from '../../src/commands/server-set.ts'
import { AppError } from '../../src/shared/errors.ts'
import { runCommand } from './support/run-command.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'server-add-'))
  return () => rmSync(directory, { recursive: true })
})

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}

/** Takes `count` requests and then goes away; keeps their bodies. */
async function takes(count: number) {
  const bodies: Record<string, unknown>[] = []
  const server = createServer(async (request, response) => {
    if (bodies.length === count) return request.socket.destroy()
    const text = Buffer.concat(await Array.fromAsync(request)).toString()
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
    if (request.method === 'GET')
      return response.end(JSON.stringify({ serial: 'SN1', bmc: { url: 'https://192.0.2.7' } }))
    bodies.push(body)
    return response.end(JSON.stringify({ serial: body['serial'] ?? 'SN1' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const env = {
    PROVISIONER_CONTROLLER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    PROVISIONER_TOKEN: 'x',
  }
  return { bodies, env }
}

test('servers that were added before the controller went away are told', async () => {
  const { env } = await takes(2)
  const csv = file('servers.csv', 'serial,simulate\nT1,idrac9\nT2,idrac9\nT3,idrac9\nT4,idrac9\n')
  const text = await runCommand(add, ['--file', csv], env)
  expect([text.out, text.error]).toEqual([
    '2 added, 2 not\n',
    expect.objectContaining({ code: 'controller-unreachable' }),
  ])
  const json = await runCommand(add, ['--file', csv, '--json'], (await takes(1)).env)
  expect(JSON.parse(json.out)).toEqual([{ serial: 'T1' }])
})

test('what would be said of each server that is left is said once', async () => {
  const csv = file('servers.csv', 'serial,simulate\nT1,idrac9\nT2,idrac9\n')
  const { env } = await takes(2)
  const stopped = AbortSignal.abort(new AppError('job-failed', 'Cannot go on: stopped by SIGINT'))
  const { err, out, error } = await runCommand(add, ['--file', csv], env, '', undefined, stopped)
  expect([err, out, error]).toEqual(['', '0 added, 2 not\n', stopped.reason])
})

test('a static network plan is sent with a new server, changed, and taken away; a password may come from a pipe', async () => {
  const { bodies, env } = await takes(4)
  const plan = file('plan.yaml', 'mac: 52:54:00:12:34:56\naddresses: [192.0.2.17/24]\n')
  const network = { mac: '52:54:00:12:34:56', addresses: ['192.0.2.17/24'], gateway: null, dns: [] }
  const bmc = ['--bmc', 'https://192.0.2.7', '--username', 'root', '--password-file', '-']
  await runCommand(add, ['SN1', ...bmc, '--network', plan, '--verify-tls', 'yes'], env, 'hush\n')
  await runCommand(set, ['SN1', '--network', plan], env)
  await runCommand(set, ['SN1', '--no-network', '--vendor', ''], env)
  expect(bodies).toMatchObject([
    { network, bmc_password: 'hush', verify_tls: true },
    { network },
    { network: null, vendor: null },
  ])
  const both = await runCommand(set, ['SN1', '--no-network', '--network', plan], env)
  expect(both.error).toMatchObject({ code: 'usage' })
})

test('a password is asked for only when it is another BMC and all else is there', async () => {
  const { bodies, env } = await takes(2)
  const change = (argv: string[], hidden?: string, more = env) => runCommand(set, ['SN1', ...argv], more, '', hidden)
  const [same, other] = [
    ['--bmc', 'https://192.0.2.7/'],
    ['--bmc', 'https://192.0.2.8'],
  ]
  expect((await change(same)).asked).toBe('')
  expect((await change([...other, '--network', 'none.yaml'], 'hush')).asked).toBe('')
  expect((await change(other, 'hush', { ...env, PROVISIONER_TOKEN: '' })).asked).toBe('')
  expect((await change(other)).error).toMatchObject({
    code: 'usage',
    message: expect.stringContaining('--password-file FILE is missing'),
  })
  expect((await change(other, '')).error).toMatchObject({
    code: 'usage',
    message: expect.stringContaining('no password was given'),
  })
  expect((await change(other, 'hush')).asked).toContain('192.0.2.8')
  expect(bodies).toEqual([{ bmc_url: same[1] }, { bmc_url: other[1], bmc_password: 'hush' }])
})

test('what is exported for a registry changes no BMC', async () => {
  const { bodies, env } = await takes(1)
  await runCommand(set, ['SN1', '--vendor', 'dell'], { ...env, PROVISIONER_USERNAME: 'ci', PROVISIONER_UUID: 'x' })
  expect(bodies).toEqual([{ vendor: 'dell' }])
})

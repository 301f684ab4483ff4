import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { loginPath } from '../../src/client/stored-login.ts'
import { artifact } from '../../src/commands/artifact.ts'
import { OciError } from '../../src/registry/errors.ts'
import { served, testRegistry } from '../registry/support/open-registry.ts'
import { scratch } from '../support/scratch.ts'
import { runCommand } from './support/run-command.ts'

let home = ''
beforeEach(() => {
  home = scratch()
})
function keep(controller: string, mode = 0o600): void {
  const path = loginPath({ env: { HOME: home } }) ?? ''
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, JSON.stringify({ controller, token: 'prv_secret', tokenId: null, caPem: null }), { mode })
}

/** A registry that lets nobody in, and what it was sent. */
async function asking() {
  const sent: (string | undefined)[] = []
  const registry = await testRegistry({
    async authorize({ authorization }) {
      sent.push(authorization)
      throw new OciError('UNAUTHORIZED')
    },
  })
  return { host: new URL((await served(registry)).url).host, sent }
}

async function list(argv: readonly string[], input = '', env = {}) {
  const command = artifact.commands.find(({ name }) => name === 'artifact list')
  if (command === undefined) expect.fail('no "artifact list"')
  return runCommand(command, argv, { HOME: home, ...env }, input)
}

test.for([
  ['http://HOST', true],
  ['https://HOST', false],
  ['http://HOST/ctl', false],
  ['http://other.test', false],
] as const)('by plain HTTP the token of a login at %s is sent: %s', async ([controller, isSent]) => {
  const { host, sent } = await asking()
  keep(controller.replace('HOST', host))
  await list(['--plain-http', `${host}/a`])
  const token = `Basic ${Buffer.from('token:prv_secret').toString('base64')}`
  expect(sent.includes(token)).toBe(isSent)
  expect(sent.length).toBeGreaterThan(0)
})

test('a login that others may read stops no command, and is not used', async () => {
  const { host, sent } = await asking()
  keep(`http://${host}`, 0o644)
  const { err } = await list(['--plain-http', `${host}/a`])
  expect(err).toContain('Going on without the stored login')
  expect(sent.filter((value) => value !== undefined)).toEqual([])
  const local = await list([`oci-layout:${join(home, 'none')}`])
  expect(local.err).toBe('')
  expect(local.error).not.toMatchObject({ code: 'config-invalid', message: expect.stringContaining('login.json') })
})

test('the password for a registry may come from a pipe or the environment, with a line end that is no part of it', async () => {
  const { host, sent } = await asking()
  await list(['--plain-http', '--username', 'ann', '--password-file', '-', `${host}/a`], 'hush\n')
  await list(['--plain-http', '--username', 'bob', `${host}/a`], '', { PROVISIONER_REGISTRY_PASSWORD: 'hush\n' })
  for (const login of ['ann:hush', 'bob:hush']) expect(sent).toContain(`Basic ${Buffer.from(login).toString('base64')}`)
})

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { loginPath } from '../../src/client/stored-login.ts'
import { artifact } from '../../src/commands/artifact.ts'
import { audit } from '../../src/commands/audit.ts'
import type { Command, CommandGroup, Io } from '../../src/commands/command.ts'
import { login, logout } from '../../src/commands/login.ts'
import { readInvocation } from '../../src/commands/parse.ts'
import { token } from '../../src/commands/token.ts'
import { user } from '../../src/commands/user.ts'
import { fingerprintOf } from '../../src/shared/fingerprint.ts'
import { sendRequest } from '../../src/shared/http-client.ts'
import { createLogger } from '../../src/shared/log.ts'
import { startController } from '../server/support/running-controller.ts'
import { scratch } from '../support/scratch.ts'

const PASSWORD = 'correct horse battery'
let home = ''

beforeEach(() => {
  home = scratch()
})
/** One command as main.ts runs it; `input` is what stands on standard input, `answer` what a person says. */
async function run(
  command: Command,
  argv: readonly string[],
  { input = '', answer, hidden }: { input?: string; answer?: string; hidden?: string } = {},
) {
  const printed: string[] = []
  const said: string[] = []
  const asked: string[] = []
  const io: Io = {
    ...{ env: { HOME: home }, interactive: false, colour: false, columns: 80 },
    out: (text) => void printed.push(text),
    err: (text) => void said.push(text),
    input: async () => input,
    async ask(question) {
      asked.push(question)
      return answer
    },
    async askHidden(question) {
      asked.push(question)
      return hidden
    },
    logger: async (level) => createLogger(level),
  }
  await command.run(await readInvocation(command, argv, io, new AbortController().signal))
  return { printed: printed.join(''), said: said.join(''), asked: asked.join('') }
}

function of(group: CommandGroup, name: string): Command {
  const found = group.commands.find((command) => command.name === name)
  if (found === undefined) expect.fail(`no command "${name}"`)
  return found
}

const stored = () => readFileSync(loginPath({ env: { HOME: home } }) ?? '', 'utf8')

test('a login pins the CA whose fingerprint was compared, and the commands after it need no options', {
  timeout: 60_000,
}, async () => {
  const controller = await startController()
  onTestFinished(controller.close)
  const { url, caPem } = controller
  const [tokenFile, fingerprint] = [join(home, 'token'), fingerprintOf(caPem)]
  writeFileSync(tokenFile, `${controller.token}\n`)
  const options = ['--controller', url, '--token-file', tokenFile]
  async function statusWith(bearer: string): Promise<number> {
    const whoami = new URL('/api/v1/whoami', url)
    const asked = { url: whoami, headers: { authorization: `Bearer ${bearer}` }, trust: { only: caPem } }
    const { status, body } = await sendRequest(asked, AbortSignal.timeout(10_000))
    body.destroy()
    return status
  }

  await expect(run(login, options)).rejects.toThrow('--fingerprint SHA256 or --ca FILE is missing')
  await expect(run(login, options, { answer: 'no' })).rejects.toThrow('the CA is not trusted')
  await expect(run(login, [...options, '--fingerprint', 'AB'.repeat(32)])).rejects.toThrow(fingerprint)
  expect(() => stored()).toThrow('ENOENT')
  const registry = await sendRequest({ url: new URL('/v2/', url), trust: { only: caPem } }, AbortSignal.timeout(10_000))
  registry.body.destroy()
  expect([registry.status, registry.headers['strict-transport-security']]).toEqual([401, 'max-age=31536000'])
  expect((await run(login, options, { answer: 'yes' })).asked).toContain(fingerprint)
  expect(statSync(loginPath({ env: { HOME: home } }) ?? '').mode & 0o777).toBe(0o600)

  await run(of(user, 'user add'), ['ann', '--role', 'operator', '--password-file', '-'], { input: `${PASSWORD}\n` })
  expect((await run(of(user, 'user list'), [])).printed).toMatch(/^ann +operator +enabled/)
  const made = (await run(of(token, 'token create'), ['ci', '--service', '--role', 'reader', '--days', '9'])).printed
  expect(made).toMatch(/^prv_[0-9a-z]{32}\n$/)
  const listed = (await run(of(token, 'token list'), [])).printed
  const [, id = ''] = /^([0-9a-f]{12}) {2}ci .*service/m.exec(listed) ?? []
  await run(of(token, 'token revoke'), [id])
  await run(of(user, 'user set-role'), ['ann', 'reader'])
  const trail = (await run(of(audit, 'audit list'), [])).printed
  expect(trail.split('\n').map((line) => line.split(/ +/)[2])).toEqual([
    'changeUser',
    'revokeToken',
    'createToken',
    'createUser',
    undefined,
  ])

  const image = `oci://${new URL(url).host}/os/debian:13`
  await run(of(artifact, 'artifact push'), [tokenFile, image])
  expect((await run(of(artifact, 'artifact list'), [image])).printed).toMatch(/^13 +sha256:/)

  const asAnn = ['--controller', url, '--username', 'ann', '--password-file', '-', '--fingerprint', fingerprint]
  expect((await run(login, asAnn, { input: PASSWORD })).printed).toContain('as ann (reader)')
  expect(stored()).not.toContain(PASSWORD)
  const first = JSON.parse(stored()) as { token: string }
  const bare = asAnn.filter((word) => !['--password-file', '-'].includes(word))
  await expect(run(login, bare)).rejects.toThrow('--password-file FILE is missing')
  const prompted = await run(login, bare, { hidden: PASSWORD })
  expect(prompted.printed).toContain('as ann (reader)')
  expect(prompted.asked).toBe('Password of ann: ')
  expect(await statusWith(first.token)).toBe(401)
  await expect(run(of(user, 'user list'), [])).rejects.toThrow('"ann" is reader, and this needs admin')
  const last = stored()
  const { tokenId, token: own } = JSON.parse(last) as { tokenId: string; token: string }
  await run(logout, [])
  writeFileSync(loginPath({ env: { HOME: home } }) ?? '', last, { mode: 0o600 })
  expect((await run(logout, [])).said).toBe('')
  expect([tokenId, await statusWith(own)]).toEqual([expect.stringMatching(/^[0-9a-f]{12}$/), 401])
  await expect(run(of(user, 'user list'), ['--controller', url])).rejects.toThrow('provisioner login')
})

import type { Controller } from '../client/controller.ts'
import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { ServerView } from '../server/routes/views.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, Invocation } from './command.ts'
import { readSecret } from './input.ts'
import { readNetworkFile } from './network-plan.ts'
import { VERIFY_TLS } from './server-fields.ts'

/** `provisioner server set` */
export const set: Command = {
  name: 'server set',
  summary: 'Change a server that has no active job; what is not named stays',
  positionals: ['SERIAL'],
  options: {
    bmc: {
      value: 'URL',
      twin: false,
      doc: 'New address of the BMC; its password is asked for without --password-file',
    },
    username: { value: 'NAME', twin: false, doc: 'Account on the BMC' },
    'password-file': {
      value: 'FILE',
      twin: false,
      doc: 'File with the password, "-" is standard input; it is stored encrypted',
    },
    'verify-tls': VERIFY_TLS,
    uuid: { value: 'UUID', twin: false, doc: 'System UUID; "" forgets it' },
    vendor: { value: 'NAME', twin: false, doc: 'Vendor, when the BMC does not tell; "" forgets it' },
    network: {
      value: 'FILE',
      twin: false,
      doc: 'YAML with the static addresses of its maintenance OS: mac, addresses, gateway, dns, vlan, mtu',
    },
    'no-network': { twin: false, doc: 'Its maintenance OS uses DHCP again' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: [
    'provisioner server set SN123 --password-file new.password',
    'provisioner server set SN123 --vendor dell',
    'provisioner server set SN123 --network sn123.yaml',
  ],
  async run(invocation) {
    const verify = invocation.text('verify-tls')
    const [bmc, file] = [invocation.text('bmc'), invocation.text('password-file')]
    const plan = invocation.text('network')
    if (plan !== undefined && invocation.flag('no-network'))
      throw invocation.usage('--network and --no-network exclude each other')
    const orNull = (text: string | undefined) => (text === '' ? null : text)
    const named = {
      bmc_url: bmc,
      bmc_username: invocation.text('username'),
      bmc_password: file === undefined ? undefined : await readSecret(invocation.io, file),
      verify_tls: verify === undefined ? undefined : verify === 'yes',
      uuid: orNull(invocation.text('uuid')),
      vendor: orNull(invocation.text('vendor')),
      network: plan === undefined ? (invocation.flag('no-network') ? null : undefined) : await readNetworkFile(plan),
    }
    if (Object.values(named).every((value) => value === undefined))
      throw invocation.usage('nothing to change was named')
    const controller = await openController(invocation)
    const path = `/servers/${encodeURIComponent(invocation.arg('SERIAL'))}`
    const needsPassword = bmc !== undefined && file === undefined && (await hasOtherBmc(controller, path, bmc))
    const change = needsPassword ? { ...named, bmc_password: await askPassword(invocation, bmc) } : named
    const server = await controller.patch<ServerView>(path, change)
    answer(invocation, server, () => `${server.serial} changed\n`)
    return 0
  },
}

/** The stored password is for the BMC that it was given for: another address needs one. */
async function hasOtherBmc(controller: Controller, path: string, bmc: string): Promise<boolean> {
  return (await controller.get<ServerView>(path)).bmc.url !== bmc.replace(/\/+$/, '')
}

/** @throws `usage` when nobody can be asked, or gives none */
async function askPassword({ io, text, usage }: Invocation, bmc: string): Promise<string> {
  const name = text('username')
  const given = await io.askHidden(`Password${name === undefined ? '' : ` of ${name}`} on the BMC ${bmc}: `)
  if (given !== undefined && given !== '') return given
  const state = given === undefined ? '--password-file FILE is missing' : 'no password was given'
  throw usage(`${state}, and the stored password is for another BMC`)
}

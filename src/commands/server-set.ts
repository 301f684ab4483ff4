import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { ServerView } from '../server/routes/views.ts'
import { AppError } from '../shared/errors.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, Invocation } from './command.ts'
import { readSecret } from './input.ts'
import { readNetworkFile } from './network-plan.ts'

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
    'password-file': { value: 'FILE', twin: false, doc: 'File with the password; it is stored encrypted' },
    'verify-tls': { value: 'yes|no', twin: false, doc: "Whether a trusted CA must have signed the BMC's certificate" },
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
    if (verify !== undefined && !['yes', 'no'].includes(verify))
      throw new AppError('usage', `Cannot run "provisioner server set": --verify-tls is yes or no, not "${verify}"`)
    const [bmc, file] = [invocation.text('bmc'), invocation.text('password-file')]
    const plan = invocation.text('network')
    if (plan !== undefined && invocation.flag('no-network'))
      throw new AppError('usage', 'Cannot run "provisioner server set": --network and --no-network exclude each other')
    const orNull = (text: string | undefined) => (text === '' ? null : text)
    const change = {
      bmc_url: bmc,
      bmc_username: invocation.text('username'),
      bmc_password: await passwordOf(invocation, bmc, file),
      verify_tls: verify === undefined ? undefined : verify === 'yes',
      uuid: orNull(invocation.text('uuid')),
      vendor: orNull(invocation.text('vendor')),
      network: plan === undefined ? (invocation.flag('no-network') ? null : undefined) : await readNetworkFile(plan),
    }
    if (Object.values(change).every((value) => value === undefined))
      throw new AppError('usage', 'Cannot run "provisioner server set": nothing to change was named')
    const controller = await openController(invocation)
    const server = await controller.patch<ServerView>(
      `/servers/${encodeURIComponent(invocation.arg('SERIAL'))}`,
      change,
    )
    answer(invocation, server, () => `${server.serial} changed\n`)
    return 0
  },
}

/** The stored password is for the BMC that it was given for: a new address needs one, from a file or from a person. */
async function passwordOf(
  { io, text }: Invocation,
  bmc: string | undefined,
  file: string | undefined,
): Promise<string | undefined> {
  if (file !== undefined) return readSecret(io, file)
  if (bmc === undefined) return undefined
  const name = text('username')
  return io.askHidden(`Password${name === undefined ? '' : ` of ${name}`} on the BMC ${bmc}: `)
}

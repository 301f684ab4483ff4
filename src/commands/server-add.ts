import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { ServerView } from '../server/routes/views.ts'
import type { ErrorCode } from '../shared/errors.ts'
import { errorText, isAppError, problemLines } from '../shared/errors.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, Invocation } from './command.ts'
import { readSecret } from './input.ts'
import { readNetworkFile } from './network-plan.ts'
import { printable } from './printable.ts'
import type { NewServer } from './server-fields.ts'
import { simulatedBmc, VERIFY_TLS } from './server-fields.ts'
import { readServerFile } from './server-file.ts'

const OF_ONE = ['bmc', 'username', 'password-file', 'simulate', 'uuid', 'vendor', 'network'] as const

/** What would be said of each server that is left. */
const OF_ALL: ReadonlySet<ErrorCode> = new Set(['controller-unreachable', 'unauthenticated', 'forbidden'])

/** `provisioner server add` */
export const add: Command = {
  name: 'server add',
  summary: 'Register a server and how to log in to its BMC, or many from a file',
  positionals: ['SERIAL?'],
  options: {
    bmc: { value: 'URL', twin: false, doc: 'Address of the BMC, such as https://192.0.2.7' },
    username: { value: 'NAME', twin: false, doc: 'Account on the BMC' },
    'password-file': {
      value: 'FILE',
      twin: false,
      doc: 'File with the password, "-" is standard input, else it is asked for; it is stored encrypted',
    },
    simulate: {
      value: 'NAME',
      twin: false,
      doc: 'Instead of these: a BMC simulated by the controller, such as idrac9 or ilo5+busy',
    },
    'verify-tls': { ...VERIFY_TLS, default: 'no' },
    uuid: { value: 'UUID', twin: false, doc: 'System UUID' },
    vendor: { value: 'NAME', twin: false, doc: 'Vendor, when the BMC does not tell' },
    network: {
      value: 'FILE',
      twin: false,
      doc: 'YAML with the static addresses of its maintenance OS, else DHCP: mac, addresses, gateway, dns, vlan, mtu',
    },
    file: {
      value: 'FILE',
      twin: false,
      doc: 'Many: a .csv with a header, or a .yaml list; serial, bmc, username, password or password_file, vendor, uuid, verify_tls, network_file, or in YAML network',
    },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: [
    'provisioner server add SN123 --bmc https://192.0.2.7 --username root --password-file bmc.password',
    'provisioner server add TEST-1 --simulate idrac9',
    'provisioner server add SN124 --bmc https://192.0.2.8 --username root --network sn124.yaml',
    'provisioner server add --file servers.csv',
  ],
  async run(invocation) {
    const file = invocation.text('file')
    if (file !== undefined) return addFromFile(file, invocation)
    if (invocation.arg('SERIAL') === '') throw invocation.usage('SERIAL or --file is missing')
    const body = await serverOf(invocation)
    const server = await (await openController(invocation)).post<ServerView>('/servers', body)
    answer(invocation, server, () => `${server.serial} added\n`)
    return 0
  },
}

/** Nothing is added when the file itself is wrong; what the controller refuses keeps no other server back. */
async function addFromFile(file: string, invocation: Invocation): Promise<number> {
  const surplus = OF_ONE.filter((name) => invocation.text(name) !== undefined).map((name) => `--${name}`)
  if (invocation.arg('SERIAL') !== '') surplus.unshift('SERIAL')
  if (surplus.length > 0) throw invocation.usage(`--file and ${surplus.join(', ')} exclude each other`)
  const servers = await readServerFile(file)
  const controller = await openController(invocation)
  const { io } = invocation
  const added: ServerView[] = []
  // What has been added is told also when the controller goes away half-way.
  try {
    for (const server of servers) {
      const body = { ...server, verify_tls: server.verify_tls ?? verifiesTls(invocation) }
      try {
        added.push(await controller.post<ServerView>('/servers', body))
      } catch (error) {
        if (!isAppError(error) || invocation.signal.aborted || OF_ALL.has(error.code)) throw error
        const lines = [errorText(error), ...problemLines(error)].join('\n  ')
        io.err(`${server.serial}: ${printable(lines)}\n`)
      }
    }
  } finally {
    answer(invocation, added, () => `${added.length} added, ${servers.length - added.length} not\n`)
  }
  return added.length === servers.length ? 0 : 1
}

/** @throws `usage` */
async function serverOf(invocation: Invocation): Promise<NewServer> {
  const [uuid, vendor, file] = [invocation.text('uuid'), invocation.text('vendor'), invocation.text('network')]
  return {
    serial: invocation.arg('SERIAL'),
    ...(await readBmc(invocation)),
    verify_tls: verifiesTls(invocation),
    ...(uuid !== undefined && { uuid }),
    ...(vendor !== undefined && { vendor }),
    ...(file !== undefined && { network: await readNetworkFile(file) }),
  }
}

function verifiesTls({ required }: Invocation): boolean {
  return required('verify-tls') === 'yes'
}

async function readBmc(invocation: Invocation) {
  const simulate = invocation.text('simulate')
  const names = ['bmc', 'username', 'password-file'] as const
  const file = invocation.text('password-file')
  if (simulate !== undefined) {
    const given = names.find((name) => invocation.text(name) !== undefined)
    if (given !== undefined) throw invocation.usage(`--simulate and --${given} exclude each other`)
    return simulatedBmc(simulate)
  }
  const missing: string[] = names.filter((name) => name !== 'password-file' && invocation.text(name) === undefined)
  const ask = missing.length === 0 && file === undefined
  const asked = ask
    ? await invocation.io.askHidden(`Password of ${invocation.text('username')} on the BMC: `)
    : undefined
  if (file === undefined && asked === undefined) missing.push('password-file')
  if (missing.length > 0) {
    const list = missing.map((name) => `--${name}`).join(', ')
    throw invocation.usage(`${list} missing (or --simulate NAME)`)
  }
  return {
    bmc_url: invocation.required('bmc'),
    bmc_username: invocation.required('username'),
    bmc_password: asked ?? (await readSecret(invocation.io, invocation.required('password-file'))),
  }
}

import { readFile } from 'node:fs/promises'
import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { ServerView } from '../server/routes/views.ts'
import { AppError } from '../shared/errors.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import { doctor } from './server-doctor.ts'
import { power } from './server-power.ts'

const JSON_OPTION = { json: { doc: 'Print the answer as JSON' } } as const

const add: Command = {
  name: 'server add',
  summary: 'Register a server and how to log in to its BMC',
  positionals: ['SERIAL'],
  options: {
    bmc: { value: 'URL', doc: 'Address of the BMC, such as https://192.0.2.7' },
    username: { value: 'NAME', doc: 'Account on the BMC' },
    'password-file': { value: 'FILE', doc: 'File with the password; it is stored encrypted' },
    simulate: {
      value: 'NAME',
      doc: 'Instead of these: a BMC simulated by the controller, such as idrac9 or ilo5+busy',
    },
    'verify-tls': { doc: "Refuse the BMC's certificate unless a trusted CA signed it" },
    uuid: { value: 'UUID', doc: 'System UUID' },
    vendor: { value: 'NAME', doc: 'Vendor, when the BMC does not tell' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: [
    'provisioner server add SN123 --bmc https://192.0.2.7 --username root --password-file bmc.password',
    'provisioner server add TEST-1 --simulate idrac9',
  ],
  async run(invocation) {
    const bmc = await readBmc(invocation)
    const controller = await openController(invocation)
    const { uuid, vendor } = { uuid: invocation.text('uuid'), vendor: invocation.text('vendor') }
    const server = await controller.post<ServerView>('/servers', {
      serial: invocation.arg('SERIAL'),
      ...bmc,
      verify_tls: invocation.flag('verify-tls'),
      ...(uuid !== undefined && { uuid }),
      ...(vendor !== undefined && { vendor }),
    })
    print(invocation, server, () => `${server.serial} added\n`)
    return 0
  },
}

const list: Command = {
  name: 'server list',
  summary: 'List the registered servers',
  positionals: [],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner server list'],
  async run(invocation) {
    const { servers } = await (await openController(invocation)).get<{ servers: ServerView[] }>('/servers')
    print(invocation, servers, () => servers.map((server) => `${serverLine(server)}\n`).join(''))
    return 0
  },
}

const show: Command = {
  name: 'server show',
  summary: 'Show one server (never its password)',
  positionals: ['SERIAL'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner server show SN123'],
  async run(invocation) {
    const controller = await openController(invocation)
    const server = await controller.get<ServerView>(`/servers/${encodeURIComponent(invocation.arg('SERIAL'))}`)
    print(invocation, server, () => `${serverLine(server)}\n`)
    return 0
  },
}

const remove: Command = {
  name: 'server remove',
  summary: 'Forget a server that has no active job',
  positionals: ['SERIAL'],
  options: CONTROLLER_OPTIONS,
  examples: ['provisioner server remove SN123'],
  async run(invocation) {
    const controller = await openController(invocation)
    await controller.delete(`/servers/${encodeURIComponent(invocation.arg('SERIAL'))}`)
    invocation.io.out(`${invocation.arg('SERIAL')} removed\n`)
    return 0
  },
}

export const server: CommandGroup = {
  name: 'server',
  summary: 'Servers and their BMCs',
  commands: [add, list, show, remove, doctor, power],
}

/** How to reach the BMC, as the API wants it. @throws `usage` */
async function readBmc(invocation: Invocation) {
  const simulate = invocation.text('simulate')
  const names = ['bmc', 'username', 'password-file'] as const
  if (simulate !== undefined) {
    const given = names.find((name) => invocation.text(name) !== undefined)
    if (given !== undefined)
      throw new AppError('usage', `Cannot add the server: --simulate and --${given} exclude each other`)
    return { bmc_url: `simulate:${simulate}`, bmc_username: 'simulated', bmc_password: 'simulated' }
  }
  const missing = names.filter((name) => invocation.text(name) === undefined)
  if (missing.length > 0) {
    const list = missing.map((name) => `--${name}`).join(', ')
    throw new AppError('usage', `Cannot add the server: ${list} missing (or --simulate NAME)`)
  }
  const file = invocation.required('password-file')
  const password = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('request-invalid', `Cannot read the password file "${file}"`, { cause })
  })
  return {
    bmc_url: invocation.required('bmc'),
    bmc_username: invocation.required('username'),
    bmc_password: password.replace(/\r?\n$/, ''),
  }
}

function print(invocation: Invocation, value: unknown, text: () => string): void {
  invocation.io.out(invocation.flag('json') ? `${JSON.stringify(value)}\n` : text())
}

function serverLine({ serial, vendor, bmc, uuid }: ServerView): string {
  return `${serial.padEnd(20)} ${bmc.url.padEnd(32)} ${bmc.username.padEnd(12)} ${vendor ?? '-'}  ${uuid ?? ''}`.trimEnd()
}

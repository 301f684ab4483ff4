import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import { readPages } from '../client/pages.ts'
import type { ServerDetailView, ServerView } from '../server/routes/views.ts'
import { systemClock } from '../shared/time.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, CommandGroup } from './command.ts'
import { ago } from './human-time.ts'
import { queryOf } from './option-values.ts'
import { printable } from './printable.ts'
import { add } from './server-add.ts'
import { doctor } from './server-doctor.ts'
import { power } from './server-power.ts'
import { set } from './server-set.ts'
import { textTable } from './text-table.ts'

const list: Command = {
  name: 'server list',
  summary: 'List the registered servers',
  positionals: [],
  options: {
    search: { value: 'TEXT', doc: 'Part of a serial number or of the address of a BMC' },
    vendor: { value: 'NAME', doc: 'Only this vendor' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner server list', 'provisioner server list --search 192.0.2.'],
  async run(invocation) {
    const query = queryOf(invocation, ['search', 'vendor'])
    const controller = await openController(invocation)
    const { items } = await readPages<ServerView>(controller, '/servers', 'servers', query, Number.POSITIVE_INFINITY)
    answer(invocation, items, () => printable(serverTable(items)))
    return 0
  },
}

const show: Command = {
  name: 'server show',
  summary: 'Show one server and what is known of its BMC (never its password)',
  positionals: ['SERIAL'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner server show SN123'],
  async run(invocation) {
    const controller = await openController(invocation)
    const server = await controller.get<ServerDetailView>(`/servers/${encodeURIComponent(invocation.arg('SERIAL'))}`)
    answer(invocation, server, () => printable(serverText(server)))
    return 0
  },
}

const remove: Command = {
  name: 'server remove',
  summary: 'Forget a server that has no active job',
  positionals: ['SERIAL'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner server remove SN123'],
  async run(invocation) {
    const serial = invocation.arg('SERIAL')
    await (await openController(invocation)).delete(`/servers/${encodeURIComponent(serial)}`)
    answer(invocation, { removed: serial }, () => `${serial} removed\n`)
    return 0
  },
}

export const server: CommandGroup = {
  name: 'server',
  commands: [add, list, show, set, remove, doctor, power],
}

function serverTable(servers: readonly ServerView[]): string {
  const rows = servers.map(({ serial, bmc, vendor }) => [serial, bmc.url, bmc.username, vendor ?? '-'])
  return servers.length === 0 ? '' : textTable(['SERIAL', 'BMC', 'ACCOUNT', 'VENDOR'], rows)
}

function serverText(server: ServerDetailView): string {
  const { serial, bmc, vendor, uuid, network, created_at: created, known_bmc: known } = server
  const addresses = network === null ? 'DHCP' : `${network.addresses.join(', ')} on ${network.mac}`
  return `serial   ${serial}
uuid     ${uuid ?? '-'}
vendor   ${vendor ?? '-'}
bmc      ${bmc.url} as ${bmc.username}${bmc.verify_tls ? '' : ', its certificate is not verified'}
network  ${addresses}
added    ${ago(created, systemClock.now())}
${known === null ? 'model    not known: its BMC was not asked yet, see "server doctor"\n' : knownText(known)}`
}

/** What worked is of the model and firmware, so another server may have taught it. */
function knownText({ model, firmware, seen_at: seen, learned }: NonNullable<ServerDetailView['known_bmc']>): string {
  const { payload = null, boot_slot: boot, task_slot: task, boot_target: target } = learned ?? {}
  const facts = [
    payload && `media by ${payload.join(', ')}`,
    boot && `boot slot ${boot}, ${task === null ? 'one medium holds both' : `task slot ${task}`}`,
    target && `boot by ${target}`,
  ].filter((fact) => typeof fact === 'string')
  return `model    ${model}, BMC firmware ${firmware}, seen ${ago(seen, systemClock.now())}
learned  ${facts.length === 0 ? 'nothing yet about this model and firmware' : facts.join('; ')}
`
}

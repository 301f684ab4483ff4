import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { AuditView } from '../server/routes/views.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, CommandGroup } from './command.ts'
import { countOption, queryOf } from './option-values.ts'
import { printable } from './printable.ts'

const list: Command = {
  name: 'audit list',
  summary: 'Who changed what, the newest first',
  positionals: [],
  options: {
    limit: { value: 'N', default: '100', doc: 'How many, up to 1000' },
    before: { value: 'ID', doc: 'Only those before this entry (ids are in --json)' },
    caller: { value: 'NAME', doc: 'Such as user:ann or service:ci' },
    object: { value: 'NAME', doc: 'Such as servers/SN123' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner audit list --caller user:ann'],
  async run(invocation) {
    const query = queryOf(invocation, ['before', 'caller', 'object'])
    query.set('limit', String(countOption(invocation, 'limit', 1000)))
    const controller = await openController(invocation)
    const { entries } = await controller.get<{ entries: AuditView[] }>(`/audit?${query}`)
    answer(invocation, entries, () => entries.map((entry) => `${printable(entryLine(entry))}\n`).join(''))
    return 0
  },
}

export const audit: CommandGroup = {
  name: 'audit',
  commands: [list],
}

function entryLine({ at, audit: what, caller, address, object, status }: AuditView): string {
  return `${at} ${String(status)} ${what.padEnd(18)} ${caller.padEnd(20)} ${(address ?? '-').padEnd(16)} ${object}`
}

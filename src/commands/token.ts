import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { TokenView } from '../server/routes/views.ts'
import { ROLES } from '../shared/role.ts'
import { systemClock } from '../shared/time.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, CommandGroup } from './command.ts'
import { countOption } from './option-values.ts'

const create: Command = {
  name: 'token create',
  summary: 'Make an API token, which is printed only now',
  positionals: ['NAME'],
  options: {
    role: { value: 'ROLE', values: ROLES, twin: false, doc: "No more than its owner's (default: as much)" },
    user: { value: 'NAME', twin: false, doc: 'Whose it is (default: your own)' },
    service: { twin: false, doc: 'It is of no user but of a service' },
    days: {
      value: 'N',
      twin: false,
      doc: 'How long it lasts (default: for ever, or as long as the token that makes it)',
    },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner token create ci --service --role operator --days 365'],
  async run(invocation) {
    const { text, flag } = invocation
    const [role, user] = [text('role'), text('user')]
    if (user !== undefined && flag('service')) throw invocation.usage('--user and --service exclude each other')
    const days = text('days') === undefined ? undefined : countOption(invocation, 'days', 36_500)
    const body = {
      name: invocation.arg('NAME'),
      ...(role !== undefined && { role }),
      ...(user !== undefined && { owner: user }),
      ...(flag('service') && { owner: null }),
      ...(days !== undefined && { expires_at: inDays(days) }),
    }
    const made = await (await openController(invocation)).post<TokenView & { token: string }>('/tokens', body)
    answer(invocation, made, () => `${made.token}\n`)
    return 0
  },
}

const list: Command = {
  name: 'token list',
  summary: 'List tokens: an admin sees all, others their own',
  positionals: [],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner token list'],
  async run(invocation) {
    const { tokens } = await (await openController(invocation)).get<{ tokens: TokenView[] }>('/tokens')
    answer(invocation, tokens, () => tokens.map((token) => `${tokenLine(token)}\n`).join(''))
    return 0
  },
}

const revoke: Command = {
  name: 'token revoke',
  summary: 'End a token at once',
  positionals: ['ID'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner token revoke 3f9c0a1b2c3d'],
  async run(invocation) {
    const id = invocation.arg('ID')
    await (await openController(invocation)).delete(`/tokens/${encodeURIComponent(id)}`)
    answer(invocation, { revoked: id }, () => `${id} revoked\n`)
    return 0
  },
}

export const token: CommandGroup = {
  name: 'token',
  commands: [create, list, revoke],
}

function inDays(days: number): string {
  return new Date(systemClock.now().getTime() + days * 86_400_000).toISOString()
}

function tokenLine({ id, name, role, owner, expires_at: expires, last_used_at: used }: TokenView): string {
  const whose = owner === null ? 'service' : `user ${owner}`
  const times = `expires ${expires ?? 'never'}  used ${used ?? 'never'}`
  return `${id}  ${name.padEnd(24)} ${role.padEnd(9)} ${whose.padEnd(20)} ${times}`
}

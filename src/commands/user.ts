import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { UserView } from '../server/routes/views.ts'
import { ROLES } from '../shared/role.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import { readSecret } from './input.ts'

const PASSWORD_FILE = {
  value: 'FILE',
  required: true,
  twin: false,
  doc: 'File with the password, 12 characters or more; "-" is standard input',
} as const

const add: Command = {
  name: 'user add',
  summary: 'Add a user who logs in with a password',
  positionals: ['NAME'],
  options: {
    role: { value: 'ROLE', values: ROLES, required: true, twin: false, doc: 'What the user may do' },
    'password-file': PASSWORD_FILE,
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner user add ann --role operator --password-file -'],
  async run(invocation) {
    const password = await readSecret(invocation.io, invocation.required('password-file'))
    const body = { name: invocation.arg('NAME'), role: invocation.required('role'), password }
    const user = await (await openController(invocation)).post<UserView>('/users', body)
    answer(invocation, user, () => `${userLine(user)}\n`)
    return 0
  },
}

const list: Command = {
  name: 'user list',
  summary: 'List the users',
  positionals: [],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner user list'],
  async run(invocation) {
    const { users } = await (await openController(invocation)).get<{ users: UserView[] }>('/users')
    answer(invocation, users, () => users.map((user) => `${userLine(user)}\n`).join(''))
    return 0
  },
}

const show: Command = {
  name: 'user show',
  summary: 'Show one user',
  positionals: ['NAME'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner user show ann'],
  async run(invocation) {
    const user = await (await openController(invocation)).get<UserView>(pathOf(invocation))
    answer(invocation, user, () => `${userLine(user)}\n`)
    return 0
  },
}

const remove: Command = {
  name: 'user remove',
  summary: 'Remove a user with all their tokens',
  positionals: ['NAME'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner user remove ann'],
  async run(invocation) {
    await (await openController(invocation)).delete(pathOf(invocation))
    const name = invocation.arg('NAME')
    answer(invocation, { removed: name }, () => `${name} removed\n`)
    return 0
  },
}

const ROLE = ROLES.join('|')

const setRole: Command = {
  name: 'user set-role',
  summary: 'Give a user another role; it counts for their tokens too',
  positionals: ['NAME', ROLE],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner user set-role ann admin'],
  run: (invocation) => change(invocation, { role: invocation.arg(ROLE) }),
}

const setPassword: Command = {
  name: 'user set-password',
  summary: 'Give a user another password',
  positionals: ['NAME'],
  options: {
    'password-file': PASSWORD_FILE,
    'present-password-file': { value: 'FILE', twin: false, doc: 'Your own password so far: then no admin is needed' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: [
    'provisioner user set-password ann --password-file -',
    'provisioner user set-password ann --password-file new --present-password-file old',
  ],
  async run(invocation) {
    const password = await readSecret(invocation.io, invocation.required('password-file'))
    const present = invocation.text('present-password-file')
    if (present === undefined) return change(invocation, { password })
    const body = { password: await readSecret(invocation.io, present), new_password: password }
    await (await openController(invocation)).order('/whoami/password', body)
    answer(invocation, { changed: true }, () => 'Password changed\n')
    return 0
  },
}

const disable: Command = {
  name: 'user disable',
  summary: 'Refuse a user and their tokens, and keep both',
  positionals: ['NAME'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner user disable ann'],
  run: (invocation) => change(invocation, { disabled: true }),
}

const enable: Command = {
  name: 'user enable',
  summary: 'Let a disabled user in again',
  positionals: ['NAME'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner user enable ann'],
  run: (invocation) => change(invocation, { disabled: false }),
}

export const user: CommandGroup = {
  name: 'user',
  commands: [add, list, show, remove, setRole, setPassword, disable, enable],
}

async function change(invocation: Invocation, body: object): Promise<number> {
  const user = await (await openController(invocation)).patch<UserView>(pathOf(invocation), body)
  answer(invocation, user, () => `${userLine(user)}\n`)
  return 0
}

function pathOf(invocation: Invocation): string {
  return `/users/${encodeURIComponent(invocation.arg('NAME'))}`
}

function userLine({ name, role, disabled, created_at: at }: UserView): string {
  return `${name.padEnd(24)} ${role.padEnd(9)} ${disabled ? 'disabled' : 'enabled '} ${at}`
}

import { ROLES } from '../../shared/role.ts'
import { input, record } from '../http/schema.ts'
import { TIME } from './schemas.ts'

const TEXT = { type: 'string' } as const
const TIME_OR_NULL = { ...TIME, type: ['string', 'null'] } as const
export const ROLE = { enum: ROLES } as const

/** In a path, a header and a log without being quoted. */
const USER_NAME = {
  type: 'string',
  pattern: '^[a-z0-9][a-z0-9._-]{0,63}$',
  description: 'up to 64 lower-case letters, digits, ".", "_" and "-"',
} as const

/** NIST SP 800-63B-4 3.1.1: length counts, and nothing else is asked for. */
export const PASSWORD = {
  type: 'string',
  minLength: 12,
  maxLength: 1024,
  description: 'a password of 12 to 1024 characters',
} as const

const TOKEN_NAME = { type: 'string', pattern: '^[ -~]{1,64}$', description: 'a name of up to 64 characters' } as const

export const USER = record('User', { name: TEXT, role: ROLE, disabled: { type: 'boolean' }, created_at: TIME })

export const NEW_USER = input('NewUser', { name: USER_NAME, role: ROLE, password: PASSWORD })

export const USER_CHANGE = input(
  'UserChange',
  {},
  { role: ROLE, disabled: { type: 'boolean', description: 'true or false' }, password: PASSWORD },
)

export const NEW_PASSWORD = input('NewPassword', { password: { ...TEXT, maxLength: 1024 }, new_password: PASSWORD })

export const ACCOUNT = record('Account', { kind: { enum: ['user', 'service'] }, name: TEXT, role: ROLE })

export const TOKEN = record('Token', {
  id: TEXT,
  name: TEXT,
  role: ROLE,
  owner: { type: ['string', 'null'], description: 'the user, or null for a service' },
  created_at: TIME,
  expires_at: TIME_OR_NULL,
  last_used_at: TIME_OR_NULL,
})

/** The only answer that has the token itself. */
export const CREATED_TOKEN = record('CreatedToken', { ...TOKEN.properties, token: TEXT })

export const NEW_TOKEN = input(
  'NewToken',
  { name: TOKEN_NAME },
  { role: ROLE, owner: { ...USER_NAME, type: ['string', 'null'] }, expires_at: TIME_OR_NULL },
)

export const AUDIT_ENTRY = record('AuditEntry', {
  id: { type: 'integer' },
  at: TIME,
  audit: { type: 'string', description: 'what was done' },
  caller: TEXT,
  address: { type: ['string', 'null'] },
  object: TEXT,
  status: { type: 'integer', description: 'the HTTP status of the answer' },
})

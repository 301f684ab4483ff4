import { input } from '../http/schema.ts'
import { NETWORK, SERIAL } from './schemas.ts'

/** What clients say of a server. */

const TEXT = { type: 'string', pattern: '^[^\\0]+$', maxLength: 4096, description: 'a text' } as const
const BMC_URL = {
  type: 'string',
  format: 'bmc-url',
  description: 'an address such as "https://192.0.2.7", without a path',
} as const

const OPTIONAL = {
  verify_tls: { type: ['boolean', 'null'], description: 'true or false' },
  uuid: { type: ['string', 'null'], pattern: '^[0-9A-Fa-f-]{36}$', description: 'a UUID' },
  vendor: { ...TEXT, type: ['string', 'null'] },
  network: NETWORK,
} as const

const BMC = { bmc_url: BMC_URL, bmc_username: TEXT, bmc_password: TEXT } as const

export const NEW_SERVER = input('NewServer', { serial: SERIAL, ...BMC }, OPTIONAL)

export const SERVER_CHANGE = { ...input('ServerChange', {}, { ...BMC, ...OPTIONAL }), minProperties: 1 } as const

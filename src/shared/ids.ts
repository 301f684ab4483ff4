import { createHmac, randomBytes } from 'node:crypto'

/** Crockford's base32 without I, L, O, U: survives being read aloud, and is a subset of ISO9660's d-characters. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A job id: 26 characters, the first ten the time in milliseconds (so ids sort by age), the rest random (ULID). */
export function newJobId(now: Date, random: Uint8Array = randomBytes(10)): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(now.getTime(), 0, 6)
  bytes.set(random.subarray(0, 10), 6)
  return base32(bytes)
}

/** When a job was made, by its id; undefined for an id of another kind. */
export function jobIdTime(id: string): Date | undefined {
  const time = /^[0-7][0-9A-Z]{25}$/.test(id) ? [...id.slice(0, 10)].map((digit) => ALPHABET.indexOf(digit)) : [-1]
  return time.includes(-1) ? undefined : new Date(time.reduce((sum, digit) => sum * 32 + digit, 0))
}

/** A secret that needs no storage: the same key and purpose give the same text, and nobody without the key can tell it. */
export function deriveSecret(key: Uint8Array, purpose: string): string {
  return base32(createHmac('sha256', key).update(purpose).digest().subarray(0, 20)).toLowerCase()
}

/** Most significant bits first, left-padded to whole characters: 16 bytes give 26. */
export function base32(bytes: Uint8Array): string {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  let text = ''
  for (let left = Math.ceil((bytes.length * 8) / 5); left > 0; left--) {
    text = (ALPHABET[Number(value & 31n)] ?? '') + text
    value >>= 5n
  }
  return text
}

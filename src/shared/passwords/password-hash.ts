import type { BinaryLike, ScryptOptions } from 'node:crypto'
import { argon2, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { BcryptCompare } from './bcrypt.ts'

/** A stored password. `text` is the hash as written: it changes when the password does. */
export type PasswordHash =
  | { readonly kind: 'bcrypt'; readonly text: string }
  | {
      readonly kind: 'scrypt'
      readonly text: string
      readonly salt: Buffer
      readonly hash: Buffer
      readonly options: ScryptOptions
    }
  | {
      readonly kind: 'argon2'
      readonly text: string
      readonly salt: Buffer
      readonly hash: Buffer
      readonly variant: 'argon2d' | 'argon2i' | 'argon2id'
      readonly cost: { readonly memory: number; readonly passes: number; readonly parallelism: number }
    }

/** A file must not be able to take all memory or a minute of CPU for one login. */
const MAX_MEMORY_BYTES = 1 << 30
const MAX_BCRYPT_COST = 16
const MAX_PASSES = 64

/** PHC string format: unpadded base64. */
const B64 = '[A-Za-z0-9+/]'
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/
const SCRYPT = new RegExp(`^\\$scrypt\\$ln=(\\d+),r=(\\d+),p=(\\d+)\\$(${B64}+)\\$(${B64}+)$`)
const ARGON2 = new RegExp(`^\\$(argon2(?:i|d|id))\\$v=19\\$m=(\\d+),t=(\\d+),p=(\\d+)\\$(${B64}+)\\$(${B64}+)$`)

/** Reads `$2y$…` (bcrypt), `$scrypt$…` or `$argon2id$…`; undefined for other forms and for costs beyond reason. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const cost = Number(BCRYPT.exec(text)?.[1])
  if (cost >= 4 && cost <= MAX_BCRYPT_COST) return { kind: 'bcrypt', text }
  return parseScrypt(text) ?? parseArgon2(text)
}

function parseScrypt(text: string): PasswordHash | undefined {
  const [, ln, r, p, salt, hash] = SCRYPT.exec(text) ?? []
  if (salt === undefined || hash === undefined) return undefined
  const [N, blockSize, parallelization] = [2 ** Number(ln), Number(r), Number(p)]
  // RFC 7914 section 2: 128 * N * r bytes, and the work grows with p.
  const memory = 128 * N * blockSize * parallelization
  if (N < 2 || blockSize < 1 || parallelization < 1 || memory > MAX_MEMORY_BYTES) return undefined
  const options = withMemory({ N, r: blockSize, p: parallelization })
  return { kind: 'scrypt', text, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64'), options }
}

/** With the limit of what OpenSSL may take for it. */
function withMemory({ N, r, p }: { readonly N: number; readonly r: number; readonly p: number }): ScryptOptions {
  return { N, r, p, maxmem: 128 * N * r * (p + 1) + (1 << 20) }
}

function parseArgon2(text: string): PasswordHash | undefined {
  const [, variant, m, t, p, salt, hash] = ARGON2.exec(text) ?? []
  if (salt === undefined || hash === undefined) return undefined
  const cost = { memory: Number(m), passes: Number(t), parallelism: Number(p) }
  // RFC 9106 3.1: memory in KiB, at least 8 a lane.
  if (cost.memory * 1024 > MAX_MEMORY_BYTES || cost.passes < 1 || cost.passes > MAX_PASSES) return undefined
  if (cost.parallelism < 1 || cost.memory < 8 * cost.parallelism) return undefined
  const bytes = { salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') }
  if (bytes.salt.length < 8 || bytes.hash.length < 4) return undefined
  return { kind: 'argon2', text, ...bytes, variant: variant as 'argon2id', cost }
}

/** True when `password` is the one. Never on the event loop: bcrypt in a thread of its own, the others in libuv's. */
export async function matchesPassword(stored: PasswordHash, password: string, bcrypt: BcryptCompare): Promise<boolean> {
  switch (stored.kind) {
    case 'bcrypt':
      return bcrypt(password, stored.text)
    case 'scrypt':
      return same(await derive(scryptOf, password, stored), stored.hash)
    case 'argon2':
      return same(await derive(argon2Of, password, stored), stored.hash)
  }
}

/** New passwords: 32 MiB, three times (RFC 7914; the second row of OWASP's table for scrypt), about a quarter of a second. */
const SCRYPT_COST = { N: 2 ** 15, r: 8, p: 3 } as const
const SALT_BYTES = 16
const HASH_BYTES = 32

/** The text to store for a new password, in the PHC string format: its parameters are in it, so they can change later. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const shape = { salt, hash: Buffer.alloc(HASH_BYTES), options: withMemory(SCRYPT_COST) }
  const hash = await derive(scryptOf, password, shape)
  const { N, r, p } = SCRYPT_COST
  return `$scrypt$ln=${Math.log2(N)},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`
}

/** Nobody's: comparing with it takes as long as with a new password, and always fails. */
export function unmatchableHash(): PasswordHash {
  const [salt, hash] = [randomBytes(SALT_BYTES), randomBytes(HASH_BYTES)]
  return { kind: 'scrypt', text: '', salt, hash, options: withMemory(SCRYPT_COST) }
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

type ScryptShape = Pick<PasswordHash & { readonly kind: 'scrypt' }, 'salt' | 'hash' | 'options'>
type Done = (error: Error | null, key: Buffer) => void

function derive<T>(run: (password: BinaryLike, stored: T, done: Done) => void, password: string, stored: T) {
  return new Promise<Buffer>((resolve, reject) =>
    run(Buffer.from(password), stored, (error, key) => (error === null ? resolve(key) : reject(error))),
  )
}

function scryptOf(password: BinaryLike, stored: ScryptShape, done: Done): void {
  scrypt(password, stored.salt, stored.hash.length, stored.options, done)
}

function argon2Of(message: BinaryLike, stored: PasswordHash & { kind: 'argon2' }, done: Done): void {
  const { salt: nonce, hash, variant, cost } = stored
  argon2(variant, { message, nonce, tagLength: hash.length, ...cost }, done)
}

function same(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

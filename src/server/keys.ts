import type { KeyObject } from 'node:crypto'
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto'
import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, isAppError } from '../shared/errors.ts'
import type { Owner } from '../shared/files.ts'
import { readPrivateFile, syncDirectory, writeFileAtomic } from '../shared/files.ts'
import { deriveSecret } from '../shared/ids.ts'
import type { JobSecrets } from './jobs/ports.ts'

/** Encrypts small texts for the database; `context` ties a text to its row, so rows cannot be swapped. */
export interface Seal {
  close(text: string, context: string): Uint8Array
  /** @throws `config-invalid` when it was sealed with another key */
  open(sealed: Uint8Array, context: string): string
}

const MASTER_BYTES = 32

/** Everything the controller can prove or decrypt; lost keys mean new task media and new BMC passwords. */
export interface Keys {
  readonly seal: Seal
  readonly secrets: JobSecrets
  /** Ed25519; its public half is baked into maintenance images as /etc/provisioner/trust/*.pub. */
  readonly taskKey: KeyObject
  readonly taskPublicPem: string
}

/** A text that was sealed before, from the database: it tells whether a key is the right one. */
export interface Sealed {
  readonly bytes: Uint8Array
  readonly context: string
}

/**
 * Reads the keys below `dir`: `master.key` (32 bytes) and `task.pem` (PKCS#8), both 0600. They are made at the first start,
 * which is when nothing was sealed yet.
 * @throws `config-invalid` when a key is missing, is another one, or may be read by others
 */
export async function loadKeys(dir: string, sealed?: Sealed): Promise<Keys> {
  const path = masterPath(dir)
  await settleRotation(dir, sealed)
  const found = await readPrivateFile(path)
  if (found === undefined && sealed !== undefined) {
    const state = 'the passwords of BMCs in the database were sealed with it; bring it back from a backup'
    throw new AppError('config-invalid', `Cannot find "${path}": ${state}`)
  }
  const master = found ?? (await create(path, randomBytes(MASTER_BYTES)))
  if (master.length !== MASTER_BYTES)
    throw new AppError('config-invalid', `Cannot use "${path}": it is not ${MASTER_BYTES} bytes long`)
  const seal = sealOf(master)
  if (sealed !== undefined && !opens(master, sealed)) {
    const state =
      'the passwords of BMCs in the database were sealed with another key; bring that one back from a backup'
    throw new AppError('config-invalid', `Cannot use "${path}": ${state}`)
  }
  const taskPath = join(dir, 'task.pem')
  const pem = (await readPrivateFile(taskPath)) ?? (await create(taskPath, newTaskKey()))
  const taskKey = createPrivateKey(pem)
  const taskPublicPem = createPublicKey(taskKey).export({ type: 'spki', format: 'pem' }).toString()
  await writeFileAtomic(join(dir, 'task.pub'), taskPublicPem, 0o644)
  return { seal, secrets: secretsOf(subkey(master, 'jobs')), taskKey, taskPublicPem }
}

/**
 * Puts a new master key in the place of the present one. `reseal` is given both seals and stores everything anew, in one
 * transaction. A crash on the way leaves one key that fits: the next start finds out which.
 */
export async function replaceMasterKey(dir: string, reseal: (from: Seal, to: Seal) => void): Promise<void> {
  const present = await readPrivateFile(masterPath(dir))
  if (present === undefined) throw new AppError('config-invalid', `Cannot find "${masterPath(dir)}"`)
  // Root replaces it, and the service's user reads it at its next start, also after a crash in the next line.
  const next = await create(nextPath(dir), randomBytes(MASTER_BYTES), await stat(masterPath(dir)))
  reseal(sealOf(present), sealOf(next))
  await rename(nextPath(dir), masterPath(dir))
  await syncDirectory(dir)
}

/** A new key that was written is the present one if the database was sealed with it, and nothing if it was not. */
async function settleRotation(dir: string, sealed: Sealed | undefined): Promise<void> {
  const next = await readPrivateFile(nextPath(dir))
  if (next === undefined) return
  if (sealed !== undefined && opens(next, sealed)) await rename(nextPath(dir), masterPath(dir))
  else await rm(nextPath(dir))
  await syncDirectory(dir)
}

function opens(master: Uint8Array, { bytes, context }: Sealed): boolean {
  try {
    sealOf(master).open(bytes, context)
    return true
  } catch (error) {
    if (isAppError(error, 'config-invalid')) return false
    throw error
  }
}

function masterPath(dir: string): string {
  return join(dir, 'master.key')
}

function nextPath(dir: string): string {
  return join(dir, 'master.key.next')
}

function newTaskKey(): Buffer {
  return Buffer.from(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
}

async function create(path: string, made: Buffer, owner?: Owner): Promise<Buffer> {
  await writeFileAtomic(path, made, 0o600, owner)
  return made
}

function secretsOf(key: Uint8Array): JobSecrets {
  return {
    webhook: (job) => deriveSecret(key, `webhook:${job.id}:${job.attempt}`),
    registryPassword: (job) => deriveSecret(key, `registry:${job.id}:${job.attempt}`),
    mediaToken: (jobId, attempt) => deriveSecret(key, `media:${jobId}:${attempt}`),
  }
}

/** AES-256-GCM (NIST SP 800-38D): 12 bytes nonce, 16 bytes tag, cipher text. */
function sealOf(master: Uint8Array): Seal {
  const key = subkey(master, 'seal')
  return {
    close(text, context) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body])
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed)
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
        decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(12, 28))
        return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
      } catch (cause) {
        throw new AppError(
          'config-invalid',
          `Cannot read the stored password of "${context}": the key file is another one`,
          { cause },
        )
      }
    },
  }
}

function subkey(master: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', master, '', `provisioner ${purpose}`, 32))
}

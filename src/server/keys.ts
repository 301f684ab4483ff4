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
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../shared/errors.ts'
import { writeFileAtomic } from '../shared/files.ts'
import { deriveSecret } from '../shared/ids.ts'
import type { JobSecrets } from './jobs/ports.ts'

/** Encrypts small texts for the database; `context` ties a text to its row, so rows cannot be swapped. */
export interface Seal {
  close(text: string, context: string): Uint8Array
  /** @throws `config-invalid` when it was sealed with another key */
  open(sealed: Uint8Array, context: string): string
}

/** Everything the controller can prove or decrypt; lost keys mean new task media and new BMC passwords. */
export interface Keys {
  readonly seal: Seal
  readonly secrets: JobSecrets
  /** Ed25519; its public half is baked into maintenance images as /etc/provisioner/trust/*.pub. */
  readonly taskKey: KeyObject
  readonly taskPublicPem: string
}

/** Reads the keys below `dir`, making them at the first start: `master.key` (32 bytes) and `task.pem` (PKCS#8), both 0600. */
export async function loadKeys(dir: string): Promise<Keys> {
  const master = await readOrCreate(join(dir, 'master.key'), () => randomBytes(32))
  if (master.length !== 32)
    throw new AppError('config-invalid', `Cannot use "${join(dir, 'master.key')}": it is not 32 bytes long`)
  const pem = await readOrCreate(join(dir, 'task.pem'), () =>
    Buffer.from(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })),
  )
  const taskKey = createPrivateKey(pem)
  const taskPublicPem = createPublicKey(taskKey).export({ type: 'spki', format: 'pem' }).toString()
  await writeFileAtomic(join(dir, 'task.pub'), taskPublicPem, 0o644)
  return { seal: sealWith(subkey(master, 'seal')), secrets: secretsOf(subkey(master, 'jobs')), taskKey, taskPublicPem }
}

function secretsOf(key: Uint8Array): JobSecrets {
  return {
    webhook: (job) => deriveSecret(key, `webhook:${job.id}:${job.attempt}`),
    registryPassword: (job) => deriveSecret(key, `registry:${job.id}:${job.attempt}`),
    mediaToken: (jobId, attempt) => deriveSecret(key, `media:${jobId}:${attempt}`),
  }
}

/** AES-256-GCM (NIST SP 800-38D): 12 bytes nonce, 16 bytes tag, cipher text. */
function sealWith(key: Uint8Array): Seal {
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

async function readOrCreate(path: string, make: () => Uint8Array): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const made = make()
    await writeFileAtomic(path, made, 0o600)
    return Buffer.from(made)
  }
}

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { AppError } from './errors.ts'
import { readPrivateFile } from './files.ts'
import type { Logger } from './log.ts'
import type { Clock } from './time.ts'
import { sleep } from './time.ts'
import type { TlsMaterial } from './tls.ts'
import { loadOrCreateTls } from './tls.ts'

/** Where the certificate comes from: the controller's own CA, or files of the operator. */
export type CertificateSource =
  | { readonly kind: 'own'; readonly dir: string; readonly names: readonly string[] }
  | { readonly kind: 'files'; readonly cert: string; readonly key: string; readonly ca: string | undefined }

export interface Certificate {
  readonly material: TlsMaterial
  /** Reads or issues it again. */
  refresh(): Promise<TlsMaterial>
}

/** Own certificates are issued again long before they end, and a file that was replaced is noticed within this. */
const LOOK_EVERY_MS = 3_600_000
/** Others than its owner may not read the key of a certificate; a group of the system's may (Debian: ssl-cert). */
const OTHERS = 0o007

/** @throws `config-invalid` when the files are no certificate with its key, or the certificate has ended */
export async function openCertificate(source: CertificateSource, clock: Clock): Promise<Certificate> {
  const refresh = () =>
    source.kind === 'own' ? loadOrCreateTls(source.dir, source.names, clock) : readFiles(source, clock.now())
  return { material: await refresh(), refresh }
}

/** Gives the server each new certificate, until `signal` aborts. What cannot be read is logged, and the old one stays. */
export async function keepCertificate(
  { material, refresh }: Certificate,
  use: (material: TlsMaterial) => void,
  log: Logger,
  signal: AbortSignal,
  everyMs: number = LOOK_EVERY_MS,
): Promise<void> {
  let present = material
  while (!signal.aborted) {
    await sleep(everyMs, signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      const next = await refresh()
      if (next.cert === present.cert && next.key === present.key) continue
      use(next)
      present = next
      log.info({ until: new X509Certificate(next.cert).validTo }, 'certificate renewed')
    } catch (error) {
      log.error({ err: error }, 'the certificate cannot be renewed')
    }
  }
}

async function readFiles(
  { cert, key, ca }: CertificateSource & { readonly kind: 'files' },
  now: Date,
): Promise<TlsMaterial> {
  const [certPem, keyPem, caPem] = [await read(cert), await readKey(key), ca === undefined ? undefined : await read(ca)]
  try {
    createSecureContext({ cert: certPem, key: keyPem })
    const leaf = new X509Certificate(certPem)
    if (caPem !== undefined) new X509Certificate(caPem)
    if (Date.parse(leaf.validTo) <= now.getTime()) throw new Error(`it ended on ${leaf.validTo}`)
    return { cert: certPem, key: keyPem, ca: caPem }
  } catch (cause) {
    throw new AppError('config-invalid', `Cannot use the certificate "${cert}" with the key "${key}"`, { cause })
  }
}

async function readKey(path: string): Promise<string> {
  const key = await readPrivateFile(path, OTHERS)
  if (key === undefined) throw new AppError('config-invalid', `Cannot find the key "${path}"`)
  return key.toString('utf8')
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('config-invalid', `Cannot read "${path}"`, { cause })
  })
}

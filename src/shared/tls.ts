import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { readPrivateFile, writeFileAtomic } from './files.ts'
import { hasCode } from './system-error.ts'
import type { Clock } from './time.ts'

/** PEM texts. `ca` is what clients must trust; undefined when a public CA signed, whom they trust already. */
export interface TlsMaterial {
  readonly key: string
  readonly cert: string
  readonly ca: string | undefined
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 24 * 60 * 60 * 1000
/** Servers come up with clocks that are days slow, so certificates begin in the past. */
const BACKDATE_DAYS = 30
const CA_DAYS = 20 * 365
const CERT_DAYS = 825
const RENEW_DAYS = 60

/**
 * The controller's certificate, issued by a CA of its own that is made at the first start (`ca.pem`, `ca.key`). It is
 * issued again when a name is missing from it or it ends within 60 days; the CA stays, so clients keep trusting it.
 * @param names host names and IP addresses that clients use
 */
export async function loadOrCreateTls(
  dir: string,
  names: readonly string[],
  clock: Clock,
): Promise<TlsMaterial & { readonly ca: string }> {
  x509.cryptoProvider.set(webcrypto)
  const now = clock.now()
  const ca = (await readAuthority(dir)) ?? (await createAuthority(dir, now))
  const caPem = ca.cert.toString('pem')
  const stored = await readPair(join(dir, 'server.pem'), join(dir, 'server.key'))
  if (stored !== undefined && (await isUsable(new x509.X509Certificate(stored.cert), ca.cert, names, now)))
    return { ...stored, ca: caPem }
  const issued = await issue(ca, names, now)
  await writeFileAtomic(join(dir, 'server.key'), issued.key, 0o600)
  await writeFileAtomic(join(dir, 'server.pem'), issued.cert, 0o644)
  return { ...issued, ca: caPem }
}

interface Authority {
  readonly cert: x509.X509Certificate
  readonly key: webcrypto.CryptoKey
}

async function readAuthority(dir: string): Promise<Authority | undefined> {
  const pair = await readPair(join(dir, 'ca.pem'), join(dir, 'ca.key'))
  if (pair === undefined) return undefined
  const der = x509.PemConverter.decodeFirst(pair.key)
  return {
    cert: new x509.X509Certificate(pair.cert),
    key: (await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign'])) as webcrypto.CryptoKey,
  }
}

async function createAuthority(dir: string, now: Date): Promise<Authority> {
  const keys = await generate()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=provisioner CA',
    ...validity(now, CA_DAYS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  await writeFileAtomic(join(dir, 'ca.key'), await pemOf(keys.privateKey), 0o600)
  await writeFileAtomic(join(dir, 'ca.pem'), cert.toString('pem'), 0o644)
  return { cert, key: keys.privateKey }
}

async function issue(ca: Authority, names: readonly string[], now: Date): Promise<{ key: string; cert: string }> {
  const keys = await generate()
  const alternatives = names.map((name) => ({
    type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const),
    value: name,
  }))
  const cert = await x509.X509CertificateGenerator.create({
    subject: 'CN=provisioner',
    issuer: ca.cert.subject,
    ...validity(now, CERT_DAYS),
    publicKey: keys.publicKey,
    signingKey: ca.key,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternatives),
      await x509.AuthorityKeyIdentifierExtension.create(ca.cert),
    ],
  })
  return { key: await pemOf(keys.privateKey), cert: cert.toString('pem') }
}

async function isUsable(
  cert: x509.X509Certificate,
  ca: x509.X509Certificate,
  names: readonly string[],
  now: Date,
): Promise<boolean> {
  const known = cert.getExtension(x509.SubjectAlternativeNameExtension)?.names.items.map(({ value }) => value) ?? []
  const lasting = cert.notAfter.getTime() - now.getTime() > RENEW_DAYS * DAY_MS
  // By its signature: another CA of ours has the same name.
  const ours = await cert.verify({ publicKey: ca.publicKey, signatureOnly: true })
  return lasting && ours && names.every((name) => known.includes(name))
}

function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(now.getTime() - BACKDATE_DAYS * DAY_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
  }
}

async function generate(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

async function readPair(cert: string, key: string): Promise<{ cert: string; key: string } | undefined> {
  try {
    const secret = await readPrivateFile(key)
    return secret && { cert: await readFile(cert, 'utf8'), key: secret.toString('utf8') }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

import { X509Certificate } from 'node:crypto'

/** The SHA-256 of a certificate as people compare it: `AB:CD:…`. */
export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256
}

/** True when both say the same, with or without colons, in any case. */
export function isSameFingerprint(a: string, b: string): boolean {
  const bare = (text: string) => text.replace(/[^0-9A-Fa-f]/g, '').toUpperCase()
  return bare(a).length === 64 && bare(a) === bare(b)
}

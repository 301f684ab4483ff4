import type { ServeConfig } from '../config.ts'
import { dataPaths } from '../config.ts'
import type { CertificateSource } from '../shared/certificate.ts'

/** Under which addresses the maintenance OS and BMCs reach this controller. */
export function endpointsOf(config: ServeConfig): { publicUrl: string; mediaUrl: string } {
  const wildcard = config.host === '::' || config.host === '0.0.0.0'
  const host = wildcard ? '127.0.0.1' : config.host
  const publicUrl = config.publicUrl ?? `${config.tls ? 'https' : 'http'}://${hostOf(host)}:${config.port}`
  return { publicUrl, mediaUrl: config.mediaUrl ?? publicUrl }
}

/** Where its certificate comes from. */
export function certificateSource(config: ServeConfig): CertificateSource {
  const { tlsFiles } = config
  if (tlsFiles !== undefined) return { kind: 'files', ...tlsFiles }
  return { kind: 'own', dir: dataPaths(config.dataDir).tls, names: namesOf(config) }
}

/** Every name under which clients may come, for the certificate. */
function namesOf(config: ServeConfig): string[] {
  const { publicUrl, mediaUrl } = endpointsOf(config)
  const bare = (url: string) => new URL(url).hostname.replace(/^\[|\]$/g, '')
  return [...new Set([bare(publicUrl), bare(mediaUrl), 'localhost', '127.0.0.1'])]
}

/** As it stands in a URL. */
export function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

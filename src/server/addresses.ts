import type { ServeConfig } from '../config.ts'
import { dataPaths } from '../config.ts'
import type { CertificateSource } from '../shared/certificate.ts'
import { hostText } from '../shared/listen-address.ts'

/** Under which addresses the maintenance OS and BMCs reach this controller. */
export function ownUrlsOf(config: ServeConfig): {
  readonly publicUrl: string
  readonly mediaUrl: string
  readonly plainMediaUrl: string | undefined
} {
  const host = isWildcard(config.host) ? '127.0.0.1' : hostText(config.host)
  const publicUrl = config.publicUrl ?? `${config.tls ? 'https' : 'http'}://${host}:${config.port}`
  const mediaUrl = config.mediaUrl ?? publicUrl
  return { publicUrl, mediaUrl, plainMediaUrl: plainMediaUrl(config, mediaUrl) }
}

/** The address itself where it is one, else the one that BMCs are given for HTTPS. */
function plainMediaUrl({ mediaListen }: ServeConfig, mediaUrl: string): string | undefined {
  if (mediaListen === undefined) return undefined
  const { host, port } = mediaListen
  return `http://${isWildcard(host) ? new URL(mediaUrl).hostname : hostText(host)}:${port}`
}

function isWildcard(host: string): boolean {
  return host === '::' || host === '0.0.0.0'
}

/** What to say when no other machine can reach this controller: only simulated BMCs can. */
export function unreachable(config: ServeConfig): string | undefined {
  const { publicUrl, mediaUrl } = ownUrlsOf(config)
  const isLoopback = (url: string) => /^(localhost|127\.[0-9.]+|\[::1\])$/.test(new URL(url).hostname)
  const option = isLoopback(publicUrl) ? 'public-url' : isLoopback(mediaUrl) ? 'media-url' : undefined
  return option && `${option} is ${option === 'public-url' ? publicUrl : mediaUrl}, which no BMC or server can reach`
}

/** Where its certificate comes from. */
export function certificateSource(config: ServeConfig): CertificateSource {
  const { tlsFiles } = config
  if (tlsFiles !== undefined) return { kind: 'files', ...tlsFiles }
  return { kind: 'own', dir: dataPaths(config.dataDir).tls, names: namesOf(config) }
}

/** Every name under which clients may come, for the certificate. */
function namesOf(config: ServeConfig): string[] {
  const { publicUrl, mediaUrl } = ownUrlsOf(config)
  const bare = (url: string) => new URL(url).hostname.replace(/^\[|\]$/g, '')
  return [...new Set([bare(publicUrl), bare(mediaUrl), 'localhost', '127.0.0.1'])]
}

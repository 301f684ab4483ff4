import { AppError } from '../../shared/errors.ts'

/**
 * The path of a link the BMC gave. What a BMC says is not trusted: a link that names another host is refused, so a BMC
 * cannot make the controller send its password, or any request, elsewhere.
 */
export function pathOfLink(link: string, origin: URL): string {
  const url = parseLink(link, origin)
  if (url === undefined || url.origin !== origin.origin) throw astray(link)
  return url.pathname + url.search
}

/**
 * The path of a `Location` header. BMCs often write their own idea of their name there (DSP0266 allows absolute URIs),
 * which is not the one they are reached by; only the path counts, and it is asked of the BMC we know.
 */
export function pathOfLocation(location: string, origin: URL): string {
  const url = parseLink(location, origin)
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw astray(location)
  return url.pathname + url.search
}

function parseLink(link: string, origin: URL): URL | undefined {
  // Control characters would be dropped by the URL parser in silence.
  if (/[\p{Cc}\\]/u.test(link)) return undefined
  return URL.canParse(link, origin.href) ? new URL(link, origin) : undefined
}

function astray(link: string): AppError {
  return new AppError('redfish-answer', 'Cannot follow a link of the BMC: it leaves the BMC', {
    facts: { link: link.slice(0, 200) },
  })
}

/** An address to listen on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:8443`, `[::]:8443` or `:8443` (all addresses); undefined when it is none of them. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65535) return undefined
  return { host: match[1] ?? (match[2] === '' || match[2] === undefined ? '::' : match[2]), port }
}

/** Of two that are listened to at once: a host that is all of them takes the port from every other. */
export function isSameSocket(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port !== other.port || one.port === 0) return false
  return one.host === other.host || [one, other].some(({ host }) => host === '::' || host === '0.0.0.0')
}

/** The other way: as it stands in a URL or a socket unit. */
export function addressText({ host, port }: ListenAddress): string {
  return `${hostText(host)}:${port}`
}

export function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

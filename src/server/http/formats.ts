import { isIP } from 'node:net'

/** Named checks that a pattern cannot make. The build links them into the ready-made validators. */
export const FORMATS = {
  'bmc-url': isBmcUrl,
  'ip-address': isAddress,
  'interface-address': isInterfaceAddress,
  'date-time': isTime,
} as const

/** Scheme, host and port; a user or a path would be ignored, so they are refused. */
function isBmcUrl(value: string): boolean {
  if (/^simulate:[a-z0-9+-]{1,100}$/.test(value)) return true
  return /^https?:\/\/[^/?#\s@]+\/?$/.test(value) && URL.canParse(value)
}

function isAddress(value: string): boolean {
  return isIP(value) !== 0
}

/** `192.0.2.17/24` */
function isInterfaceAddress(value: string): boolean {
  const [, ip, prefix] = /^(.+)\/([0-9]{1,3})$/.exec(value) ?? []
  return ip !== undefined && isIP(ip) !== 0 && Number(prefix) <= (isIP(ip) === 4 ? 32 : 128)
}

/** RFC 3339 section 5.6, in UTC as we write it. */
function isTime(value: string): boolean {
  return /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$/.test(value)
}

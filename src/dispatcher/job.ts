import { isIP } from 'node:net'
import { AppError } from '../shared/errors.ts'
import type { JobFile, NetworkPlan } from '../shared/task/job-file.ts'
import { JOB_FILE_FORMAT } from '../shared/task/job-file.ts'

/**
 * Reads `/job.json`. Fields it does not know are left to later versions.
 * @throws `medium-unreadable`
 */
export function parseJobFile(text: string): JobFile {
  const file = asObject(parseJson(text), 'it')
  if (file['format'] !== JOB_FILE_FORMAT) {
    throw unreadable(`its format is ${JSON.stringify(file['format'])}, and this program reads ${JOB_FILE_FORMAT}`)
  }
  const [server, controller] = [asObject(file['server'], 'server'), asObject(file['controller'], 'controller')]
  const [webhook, registry] = [asObject(file['webhook'], 'webhook'), asObject(file['registry'], 'registry')]
  return {
    format: JOB_FILE_FORMAT,
    job_id: asText(file['job_id'], 'job_id'),
    attempt: asCount(file['attempt'], 'attempt'),
    server: { serial: asText(server['serial'], 'server.serial'), uuid: asTextOrNull(server['uuid'], 'server.uuid') },
    controller: {
      url: asUrl(controller['url'], 'controller.url'),
      ca_pem: asPemOrNull(controller['ca_pem'], 'controller.ca_pem'),
    },
    webhook: { url: asUrl(webhook['url'], 'webhook.url'), secret: asText(webhook['secret'], 'webhook.secret') },
    registry: {
      host: asText(registry['host'], 'registry.host'),
      username: asText(registry['username'], 'registry.username'),
      password: asText(registry['password'], 'registry.password'),
    },
    network: parseNetwork(file['network']),
  }
}

/** Every value ends in a networkd file, so none may bring a line of its own. */
function parseNetwork(value: unknown): NetworkPlan | null {
  if (value === null || value === undefined) return null
  const plan = asObject(value, 'network')
  const mac = asText(plan['mac'], 'network.mac')
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) throw unreadable(`network.mac is "${mac}", no MAC address`)
  const gateway = asTextOrNull(plan['gateway'], 'network.gateway')
  if (gateway !== null) checkAddress(gateway, 'network.gateway')
  const dns = asList(plan['dns'], 'network.dns')
  for (const server of dns) checkAddress(server, 'network.dns')
  const addresses = asList(plan['addresses'], 'network.addresses')
  for (const address of addresses) {
    const [ip, prefix] = address.split('/')
    if (!/^[0-9]{1,3}$/.test(prefix ?? '')) throw unreadable(`network.addresses has "${address}", without its prefix`)
    checkAddress(ip ?? '', 'network.addresses')
    const longest = isIP(ip ?? '') === 6 ? 128 : 32
    if (Number(prefix) > longest) throw unreadable(`network.addresses has "${address}", with a prefix above ${longest}`)
  }
  return { mac, addresses, gateway, dns, ...asRange(plan, 'vlan', 1, 4094), ...asRange(plan, 'mtu', 576, 9216) }
}

/** An optional number; nothing when it is not there. */
function asRange<K extends 'vlan' | 'mtu'>(plan: Readonly<Record<string, unknown>>, name: K, min: number, max: number) {
  const value = plan[name]
  if (value === undefined || value === null) return {}
  const number = asCount(value, `network.${name}`)
  if (number < min || number > max) throw unreadable(`network.${name} is ${number}, not ${min} to ${max}`)
  return { [name]: number } as Record<K, number>
}

function checkAddress(text: string, where: string): void {
  if (isIP(text) === 0) throw unreadable(`${where} has "${text}", no IP address`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('medium-unreadable', 'Cannot use job.json of the task medium: it is not JSON', { cause })
  }
}

function asObject(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw unreadable(`${where} is no object`)
}

/** One line, so that it can stand in a header and in an environment file. */
function asText(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '' && !/\p{Cc}/u.test(value)) return value
  throw unreadable(`${where} is no line of text`)
}

function asPemOrNull(value: unknown, where: string): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' && value.includes('-----BEGIN CERTIFICATE-----')) return value
  throw unreadable(`${where} is no PEM certificate`)
}

function asTextOrNull(value: unknown, where: string): string | null {
  return value === null || value === undefined ? null : asText(value, where)
}

function asUrl(value: unknown, where: string): string {
  const text = asText(value, where)
  if (/^https?:\/\/\S+$/.test(text) && URL.canParse(text)) return text.replace(/\/$/, '')
  throw unreadable(`${where} is "${text}", no http or https URL`)
}

function asCount(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw unreadable(`${where} is no number`)
}

function asList(value: unknown, where: string): string[] {
  if (!Array.isArray(value)) throw unreadable(`${where} is no list`)
  return value.map((item) => asText(item, where))
}

function unreadable(state: string): AppError {
  return new AppError('medium-unreadable', `Cannot use job.json of the task medium: ${state}`)
}

import { AppError } from '../shared/errors.ts'
import { readTextFile } from '../shared/files.ts'
import type { NetworkPlan } from '../shared/task/job-file.ts'
import type { Texts } from './yaml-texts.ts'
import { rootOf, textsOf } from './yaml-texts.ts'

const FIELDS = ['mac', 'addresses', 'gateway', 'dns', 'vlan', 'mtu']

/** Says what is wrong with a field. */
export type Complain = (field: string, message: string) => void

/** The static network plan in a YAML file. @throws `request-invalid` with every problem */
export async function readNetworkFile(file: string): Promise<NetworkPlan> {
  const text = await readTextFile(file, 'the network plan')
  const problems: { path: string; code: string; message: string }[] = []
  const texts = (() => {
    try {
      return textsOf(rootOf(text))
    } catch (cause) {
      throw new AppError('request-invalid', `Cannot use the network plan "${file}": it is no YAML`, { cause })
    }
  })()
  const plan = networkPlanOf(texts, (field, message) => {
    problems.push({ path: `/${field}`, code: 'network', message })
  })
  if (problems.length > 0) throw new AppError('request-invalid', `Cannot use the network plan "${file}"`, { problems })
  return plan
}

/** A plan from its texts: its form; whether an address is one, the controller says. */
export function networkPlanOf(texts: Texts, complain: Complain): NetworkPlan {
  const given: Readonly<Record<string, Texts>> = typeof texts === 'object' && !isList(texts) ? texts : {}
  if (given !== texts) complain('', `a mapping of ${FIELDS.join(', ')} is expected`)
  for (const name of Object.keys(given)) if (!FIELDS.includes(name)) complain(name, `is none of ${FIELDS.join(', ')}`)
  const list = (name: string): string[] => {
    const value = given[name] ?? ''
    const items = isList(value) ? value : value === '' ? [] : [value]
    if (!items.every((item) => typeof item === 'string')) complain(name, 'must be a list of addresses')
    return items.map(String)
  }
  const one = (name: string): string => {
    const value = given[name] ?? ''
    if (typeof value !== 'string') complain(name, 'must be one text')
    return String(value)
  }
  const number = (name: 'vlan' | 'mtu') => {
    const text = one(name)
    if (text !== '' && !/^[0-9]{1,5}$/.test(text)) complain(name, 'must be a number')
    return text === '' ? {} : { [name]: Number(text) }
  }
  const plan = {
    mac: one('mac'),
    addresses: list('addresses'),
    gateway: one('gateway') || null,
    dns: list('dns'),
    ...number('vlan'),
    ...number('mtu'),
  }
  if (given === texts && plan.mac === '') complain('mac', 'is missing')
  if (given === texts && plan.addresses.length === 0) complain('addresses', 'is missing')
  return plan
}

function isList(texts: Texts): texts is readonly Texts[] {
  return Array.isArray(texts)
}

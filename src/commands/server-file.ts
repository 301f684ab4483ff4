import { dirname, resolve } from 'node:path'
import { isMap, isSeq, LineCounter } from 'yaml'
import type { Problem } from '../shared/errors.ts'
import { AppError, errorText, isAppError, problemLines } from '../shared/errors.ts'
import { readTextFile } from '../shared/files.ts'
import { parseCsv } from './csv.ts'
import { readSecretFile } from './input.ts'
import { networkPlanOf, readNetworkFile } from './network-plan.ts'
import type { NewServer } from './server-fields.ts'
import { simulatedBmc } from './server-fields.ts'
import type { Texts } from './yaml-texts.ts'
import { rootOf, textsOf } from './yaml-texts.ts'

const FIELDS = [
  ...['serial', 'bmc', 'username', 'password', 'password_file', 'simulate', 'vendor', 'uuid', 'verify_tls'],
  ...['network', 'network_file'],
]

/** Two ways to say one thing: who reads a row with both would not know which is taken. */
const EXCLUSIVE = [
  ['password', 'password_file'],
  ['network', 'network_file'],
  ...['bmc', 'username', 'password', 'password_file'].map((name) => ['simulate', name] as const),
] as const

/** One server of the file, and the line it begins in. */
interface Row {
  readonly line: number
  readonly values: Readonly<Record<string, Texts>>
}

type Complain = (field: string, message: string) => void

/**
 * Many servers from a CSV file with a header, or a YAML list of mappings, in the same words. Files with passwords and network
 * plans are found beside it.
 * @throws `request-invalid` with every problem of every row at once
 */
export async function readServerFile(file: string): Promise<readonly NewServer[]> {
  const text = await readTextFile(file)
  const rows = /\.ya?ml$/.test(file) ? yamlRows(text, file) : csvRows(text, file)
  if (rows.length === 0) throw new AppError('request-invalid', `Cannot use "${file}": there is no server in it`)
  const problems: Problem[] = []
  const seen = new Set<string>()
  const servers: NewServer[] = []
  for (const row of rows) {
    const complain = (field: string, message: string) =>
      void problems.push({ path: `line ${row.line} ${field}`, code: 'row', message })
    checkRow(row, seen, complain)
    servers.push(await serverOf(row, dirname(resolve(file)), complain))
  }
  if (problems.length > 0)
    throw new AppError('request-invalid', `Cannot use "${file}": nothing was added`, { problems })
  return servers
}

function csvRows(text: string, file: string): Row[] {
  const [head, ...records] = parseCsv(text.replace(/^\uFEFF/, '')) ?? []
  if (head === undefined)
    throw new AppError('request-invalid', `Cannot use "${file}": it is empty, or a quote is left open`)
  return records.map(({ line, fields }) => ({
    line,
    values: Object.fromEntries(fields.map((value, column) => [head.fields[column] ?? `column ${column + 1}`, value])),
  }))
}

function yamlRows(text: string, file: string): Row[] {
  const lines = new LineCounter()
  try {
    const list = rootOf(text, lines)
    if (isSeq(list) && list.items.every((item) => isMap(item)))
      return list.items.map((item) => ({
        line: lines.linePos(item.range?.[0] ?? 0).line,
        values: textsOf(item) as Row['values'],
      }))
  } catch (cause) {
    throw new AppError('request-invalid', `Cannot use "${file}": it is no YAML`, { cause })
  }
  throw new AppError('request-invalid', `Cannot use "${file}": a list of mappings is expected`)
}

function checkRow({ values }: Row, seen: Set<string>, complain: Complain): void {
  for (const [name, value] of Object.entries(values)) {
    if (!FIELDS.includes(name)) complain(name, `is none of ${FIELDS.join(', ')}`)
    else if (name !== 'network' && typeof value !== 'string') complain(name, 'must be one text')
  }
  const serial = textOf(values, 'serial') ?? ''
  if (serial === '') complain('serial', 'is missing')
  if (serial !== '' && seen.has(serial)) complain('serial', `"${serial}" is in the file twice`)
  seen.add(serial)
  const isGiven = (name: string) => (values[name] ?? '') !== ''
  for (const [one, other] of EXCLUSIVE)
    if (isGiven(one) && isGiven(other)) complain(other, `and "${one}" exclude each other`)
  if (!['', 'true', 'false', 'yes', 'no'].includes(textOf(values, 'verify_tls') ?? ''))
    complain('verify_tls', 'must be yes or no')
}

async function serverOf({ values }: Row, directory: string, complain: Complain): Promise<NewServer> {
  const [vendor, uuid, verify] = [textOf(values, 'vendor'), textOf(values, 'uuid'), textOf(values, 'verify_tls')]
  const network = await networkOf(values, directory, complain)
  const common = {
    serial: textOf(values, 'serial') ?? '',
    ...(vendor !== undefined && { vendor }),
    ...(uuid !== undefined && { uuid }),
    ...(verify !== undefined && { verify_tls: ['true', 'yes'].includes(verify) }),
    ...(network !== undefined && { network }),
  }
  const simulate = textOf(values, 'simulate')
  if (simulate !== undefined) return { ...common, ...simulatedBmc(simulate) }
  for (const name of ['bmc', 'username'])
    if (textOf(values, name) === undefined) complain(name, 'is missing (or "simulate")')
  const passwordFile = textOf(values, 'password_file')
  const password =
    passwordFile === undefined
      ? textOf(values, 'password')
      : await orComplain(readSecretFile(resolve(directory, passwordFile)), 'password_file', complain)
  if (password === undefined && passwordFile === undefined)
    complain('password', 'is missing (or "password_file", or "simulate")')
  return {
    ...common,
    bmc_url: textOf(values, 'bmc') ?? '',
    bmc_username: textOf(values, 'username') ?? '',
    bmc_password: password ?? '',
  }
}

async function networkOf(values: Row['values'], directory: string, complain: Complain) {
  const file = textOf(values, 'network_file')
  if (file !== undefined) return orComplain(readNetworkFile(resolve(directory, file)), 'network_file', complain)
  const plan = values['network'] ?? ''
  return plan === '' ? undefined : networkPlanOf(plan, (field, message) => complain(`network ${field}`, message))
}

/** Undefined after what can be mended in the file, which was said. */
async function orComplain<T>(read: Promise<T>, field: string, complain: Complain): Promise<T | undefined> {
  return read.catch((error: unknown) => {
    if (!isAppError(error)) throw error
    complain(field, [errorText(error), ...problemLines(error)].join('; '))
    return undefined
  })
}

function textOf(values: Row['values'], name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

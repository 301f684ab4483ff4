import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import type { Problem } from '../shared/errors.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import { parseCsv } from './csv.ts'
import type { NewServer } from './server-fields.ts'
import { readPassword, simulatedBmc } from './server-fields.ts'

const FIELDS = ['serial', 'bmc', 'username', 'password', 'password_file', 'simulate', 'vendor', 'uuid', 'verify_tls']

type Row = Readonly<Record<string, string>>

/**
 * Many servers from a CSV file with a header, or a YAML list of mappings, in the same words. Files with passwords are found
 * beside it.
 * @throws `request-invalid` with every problem of every row at once
 */
export async function readServerFile(file: string): Promise<readonly NewServer[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('request-invalid', `Cannot read "${file}"`, { cause })
  })
  const rows = /\.ya?ml$/.test(file) ? yamlRows(text, file) : csvRows(text, file)
  if (rows.length === 0) throw new AppError('request-invalid', `Cannot use "${file}": there is no server in it`)
  const problems: Problem[] = []
  const seen = new Set<string>()
  const servers: NewServer[] = []
  for (const [index, row] of rows.entries()) {
    const at = (field: string, message: string) =>
      void problems.push({ path: `/${index}/${field}`, code: 'row', message })
    checkRow(row, seen, at)
    const server = await serverOf(row, dirname(resolve(file)), at)
    if (server !== undefined) servers.push(server)
  }
  if (problems.length > 0)
    throw new AppError('request-invalid', `Cannot use "${file}": nothing was added`, { problems })
  return servers
}

function csvRows(text: string, file: string): Row[] {
  const [head, ...records] = parseCsv(text.replace(/^\uFEFF/, '')) ?? []
  if (head === undefined)
    throw new AppError('request-invalid', `Cannot use "${file}": it is empty, or a quote is left open`)
  return records.map((record) =>
    Object.fromEntries(record.map((value, column) => [head[column]?.trim() ?? `column ${column + 1}`, value.trim()])),
  )
}

function yamlRows(text: string, file: string): Row[] {
  const list: unknown = (() => {
    try {
      return parse(text, { maxAliasCount: 0 })
    } catch (cause) {
      throw new AppError('request-invalid', `Cannot use "${file}": it is no YAML`, { cause })
    }
  })()
  const isMapping = (item: unknown): item is object => typeof item === 'object' && item !== null && !Array.isArray(item)
  if (!Array.isArray(list) || !list.every(isMapping))
    throw new AppError('request-invalid', `Cannot use "${file}": a list of mappings is expected`)
  return list.map((item) =>
    Object.fromEntries(Object.entries(item).map(([name, value]) => [name, String(value ?? '')])),
  )
}

function checkRow(row: Row, seen: Set<string>, at: (field: string, message: string) => void): void {
  for (const name of Object.keys(row)) if (!FIELDS.includes(name)) at(name, `is none of ${FIELDS.join(', ')}`)
  const serial = row['serial'] ?? ''
  if (serial === '') at('serial', 'is missing')
  if (serial !== '' && seen.has(serial)) at('serial', `"${serial}" is in the file twice`)
  seen.add(serial)
  if (!['', 'true', 'false', 'yes', 'no'].includes(row['verify_tls'] ?? '')) at('verify_tls', 'must be yes or no')
}

async function serverOf(
  row: Row,
  directory: string,
  at: (field: string, message: string) => void,
): Promise<NewServer | undefined> {
  const given = (name: string) => (row[name] === '' ? undefined : row[name])
  const common = {
    serial: row['serial'] ?? '',
    ...(given('vendor') !== undefined && { vendor: row['vendor'] ?? '' }),
    ...(given('uuid') !== undefined && { uuid: row['uuid'] ?? '' }),
    ...(given('verify_tls') !== undefined && { verify_tls: ['true', 'yes'].includes(row['verify_tls'] ?? '') }),
  }
  const simulate = given('simulate')
  if (simulate !== undefined) return { ...common, ...simulatedBmc(simulate) }
  for (const name of ['bmc', 'username']) if (given(name) === undefined) at(name, 'is missing (or "simulate")')
  const passwordFile = given('password_file')
  const password =
    passwordFile === undefined
      ? given('password')
      : await readPassword(resolve(directory, passwordFile)).catch((error: unknown) => {
          if (!isAppError(error)) throw error
          at('password_file', error.message)
          return ''
        })
  if (password === undefined) at('password', 'is missing (or "password_file", or "simulate")')
  return { ...common, bmc_url: row['bmc'] ?? '', bmc_username: row['username'] ?? '', bmc_password: password ?? '' }
}

import { open } from 'node:fs/promises'
import type { Pair, ParsedNode } from 'yaml'
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import type { Problem } from '../shared/errors.ts'
import { AppError } from '../shared/errors.ts'
import { readAt } from '../shared/file-at.ts'
import type { OptionSpec } from './command.ts'

/** The settings of a configuration file, as texts; a switch is `true` or `false`. */
export interface Settings {
  readonly path: string
  readonly values: ReadonlyMap<string, { readonly text: string; readonly line: number }>
}

/** A few hundred settings; more is another file. */
const MAX_BYTES = 256 * 1024
/** What only makes sense on the command line. */
const NOT_IN_FILES = ['config', 'check', 'json']

/**
 * Reads a YAML file whose keys are the names of `options`, without the dashes.
 * @throws `config-invalid` with every problem, each with its line
 */
export async function readSettings(
  path: string,
  options: Readonly<Record<string, OptionSpec>>,
  command: string,
): Promise<Settings> {
  const text = await readText(path)
  const lines = new LineCounter()
  // Plain texts: `no` of YAML 1.1 would be a switch, and 0700 a number.
  const document = parseDocument(text, { version: '1.2', lineCounter: lines, prettyErrors: false })
  const lineOf = (offset: number | undefined) => lines.linePos(offset ?? 0).line
  const problems: Problem[] = document.errors.map(({ message, pos }) => ({
    path: '',
    code: 'syntax',
    message: `line ${lineOf(pos[0])}: ${message}`,
  }))
  const values = new Map<string, { text: string; line: number }>()
  for (const pair of pairsOf(document.contents, problems, lineOf)) {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key)
    const line = lineOf(pair.key.range?.[0])
    const setting = settingOf(pair.value, options[name])
    if (!(name in options) || NOT_IN_FILES.includes(name)) {
      problems.push(problem(name, line, `"${name}" is no setting of "provisioner ${command}"`))
    } else if (setting.text === undefined) problems.push(problem(name, line, setting.problem))
    else values.set(name, { text: setting.text, line })
  }
  if (problems.length > 0) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
    throw new AppError('config-invalid', `Cannot use the configuration "${path}": it has ${count}`, { problems })
  }
  return { path, values }
}

function problem(name: string, line: number, message: string): Problem {
  return { path: `/${name}`, code: 'setting', message: `line ${line}: ${message}` }
}

function pairsOf(
  contents: ParsedNode | null,
  problems: Problem[],
  lineOf: (offset: number | undefined) => number,
): readonly Pair<ParsedNode, ParsedNode | null>[] {
  // A file of comments alone sets nothing.
  if (contents === null || (isScalar(contents) && contents.value === null)) return []
  if (isMap<ParsedNode, ParsedNode | null>(contents)) return contents.items
  problems.push(problem('', lineOf(contents.range[0]), 'lines such as "listen: 0.0.0.0:8443" are expected'))
  return []
}

type Setting = { readonly text: string } | { readonly text: undefined; readonly problem: string }

function settingOf(node: ParsedNode | null, spec: OptionSpec | undefined): Setting {
  const value: unknown = isScalar(node) ? node.value : node
  if (value === null) return { text: undefined, problem: 'it has no value; take the line out instead' }
  if (spec?.value === undefined) {
    if (typeof value === 'boolean') return { text: String(value) }
    return { text: undefined, problem: 'true or false is expected' }
  }
  // As it was written: 0x10 and 1e3 are no numbers to the option.
  const text = isScalar(node) && typeof value === 'number' ? String(node.source ?? value) : value
  if (typeof text === 'string' && spec.values?.includes(text) !== false) return { text }
  return {
    text: undefined,
    problem: `${spec.values === undefined ? spec.value : `one of ${spec.values.join(', ')}`} is expected`,
  }
}

async function readText(path: string): Promise<string> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new AppError('config-invalid', `Cannot read the configuration "${path}"`, { cause })
  })
  try {
    const buffer = Buffer.alloc(MAX_BYTES + 1)
    const bytes = await readAt(file, buffer, 0)
    if (bytes <= MAX_BYTES) return buffer.toString('utf8', 0, bytes)
  } catch (cause) {
    throw new AppError('config-invalid', `Cannot read the configuration "${path}"`, { cause })
  } finally {
    await file.close()
  }
  throw new AppError('config-invalid', `Cannot use the configuration "${path}": it is larger than ${MAX_BYTES} bytes`)
}

import { realpath } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { entriesOf } from '../isobuilder/directory.ts'
import { extractIso } from '../isobuilder/extract.ts'
import { createIso, withIso } from '../isobuilder/image-file.ts'
import type { Finding } from '../isobuilder/lint/finding.ts'
import { lintImageFile } from '../isobuilder/lint/image-file.ts'
import type { IsoFile } from '../isobuilder/reader.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { AppError } from '../shared/errors.ts'
import { cannot } from '../shared/system-error.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'
import { visible } from './printable.ts'

const create: Command = {
  name: 'iso create',
  summary: 'Write a directory as an ISO9660 image with Rock Ridge and Joliet; the same files give the same bytes',
  positionals: ['DIR'],
  options: {
    output: { value: 'IMAGE', required: true, twin: false, doc: 'File to write; it appears when it is complete' },
    label: { value: 'LABEL', required: true, doc: 'Volume id: 1 to 32 characters of A-Z, 0-9 and _' },
  },
  examples: ['provisioner iso create --output cidata.iso --label CIDATA ./cidata'],
  run: runCreate,
}

const list: Command = {
  name: 'iso list',
  summary: 'List the files of an ISO9660 image',
  positionals: ['IMAGE'],
  options: JSON_OPTION,
  examples: ['provisioner iso list cidata.iso', "provisioner iso list --json cidata.iso | jq -r '.[].path'"],
  run: runList,
}

const extract: Command = {
  name: 'iso extract',
  summary: 'Write the files of an ISO9660 image into a new or empty directory',
  positionals: ['IMAGE', 'DIR'],
  options: {},
  examples: ['provisioner iso extract cidata.iso ./cidata'],
  run: runExtract,
}

const verify: Command = {
  name: 'iso verify',
  summary: 'Check every structure of an ISO9660 image, and the contents of images made here; exit 1 with findings',
  positionals: ['IMAGE'],
  options: {
    ...JSON_OPTION,
    strict: { doc: 'Exit 1 with warnings too: what other writers do and readers live with' },
  },
  examples: ['provisioner iso verify cidata.iso', 'provisioner iso verify --strict --json /dev/sr0'],
  run: runVerify,
}

export const iso: CommandGroup = {
  name: 'iso',
  commands: [create, list, extract, verify],
}

async function runCreate(invocation: Invocation): Promise<number> {
  const directory = invocation.arg('DIR')
  const output = invocation.required('output')
  await refuseInside(output, directory)
  const { entries, problems } = await entriesOf(directory, invocation.signal)
  const label = invocation.required('label')
  const plan = await createIso(entries, { label }, output, invocation.signal, problems)
  invocation.io.err(`${output}: ${formatBytes(plan.size)}\n`)
  return 0
}

async function runList(invocation: Invocation): Promise<number> {
  const files = await withIso(invocation.arg('IMAGE'), (image) => image.list())
  answer(invocation, files, () => files.map((file) => `${listLine(file)}\n`).join(''))
  return 0
}

async function runExtract(invocation: Invocation): Promise<number> {
  const directory = invocation.arg('DIR')
  const files = await withIso(invocation.arg('IMAGE'), (image) => extractIso(image, directory, invocation.signal))
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  invocation.io.err(`${directory}: ${files.length} entries, ${formatBytes(bytes)}\n`)
  return 0
}

async function runVerify(invocation: Invocation): Promise<number> {
  const image = invocation.arg('IMAGE')
  const findings = await lintImageFile(image, invocation.signal)
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const warnings = findings.length - errors
  answer(invocation, findings, () => findings.map((finding) => `${findingLine(finding)}\n`).join(''))
  invocation.io.err(`${image}: ${errors} errors, ${warnings} warnings\n`)
  return errors > 0 || (warnings > 0 && invocation.flag('strict')) ? 1 : 0
}

/** As compilers print: `error record-order at byte 49288 in "/drivers": …`. */
function findingLine({ severity, code, offset, path, message }: Finding): string {
  const where = path === undefined ? '' : ` in "/${visible(path)}"`
  return `${severity} ${code} at byte ${offset}${where}: ${visible(message)}`
}

/** An image inside the tree it is made of would be in the next one. */
async function refuseInside(output: string, directory: string): Promise<void> {
  const real = (path: string) => realpath(path).catch(cannot('iso-plan', `find the directory "${path}"`))
  const way = relative(await real(directory), await real(dirname(resolve(output))))
  if (way !== '..' && !way.startsWith('../')) {
    throw new AppError('iso-plan', `Cannot write "${output}": it lies inside of "${directory}"`)
  }
}

/** As `ls -l`: `-r--r--r--        1234 path`. */
function listLine({ path, kind, size, mode, target }: IsoFile): string {
  const type = kind === 'directory' ? 'd' : kind === 'symlink' ? 'l' : '-'
  const bits = [...'rwxrwxrwx'].map((letter, index) => (mode & (0o400 >> index) ? letter : '-')).join('')
  const arrow = target === undefined ? '' : ` -> ${visible(target)}`
  return `${type}${bits} ${String(size).padStart(12)} ${visible(path)}${arrow}`
}

import type { Problem } from '../errors.ts'
import { errorText, problem } from '../errors.ts'
import { parseSigningKey } from '../signing-key.ts'
import type { InstalledFile, Recipe } from './schema.ts'

/** The medium has room for 10 MiB in all. */
const MAX_FILE_BYTES = 1024 * 1024
const MAX_FILES_BYTES = 2 * 1024 * 1024

/** A key that cannot be used is told at the desk, not by a server that has booted for it. */
export function checkVerify({ verify }: Recipe): Problem[] {
  const pem = verify?.public_key
  if (pem === undefined) return []
  try {
    parseSigningKey(pem)
    return []
  } catch (error) {
    return [problem('/verify/public_key', 'key', errorText(error))]
  }
}

/** What `bootloader-linux` writes after the files of the recipe, and what to say instead. */
const WRITTEN_LATER: Readonly<Record<string, string>> = {
  '/etc/fstab': '"partition_layout"; other mounts can be units or user-data',
  '/etc/kernel/cmdline': '"kernel_arguments"',
}

export function checkFiles({ files = [], task_target: target }: Recipe): Problem[] {
  const problems = files.flatMap((file, index) => checkFile(file, `/files/${index}`))
  for (const [index, { path }] of files.entries()) {
    const source = target === 'install-linux.target' ? WRITTEN_LATER[path] : undefined
    if (source === undefined) continue
    problems.push(problem(`/files/${index}/path`, 'written', `"${path}" is made of ${source}`))
  }
  const paths = files.map(({ path }) => path)
  const twice = paths.findIndex((path, index) => paths.indexOf(path) !== index)
  if (twice !== -1) problems.push(problem(`/files/${twice}/path`, 'duplicate', `"${paths[twice]}" is given twice`))
  if (files.reduce((sum, file) => sum + fileContent(file).length, 0) > MAX_FILES_BYTES) {
    problems.push(problem('/files', 'size', `together they are larger than ${MAX_FILES_BYTES} bytes`))
  }
  return problems
}

function checkFile(file: InstalledFile, at: string): Problem[] {
  if ((file.content === undefined) === (file.content_base64 === undefined)) {
    return [problem(at, 'content', 'give either "content" or "content_base64"')]
  }
  if (fileContent(file).length <= MAX_FILE_BYTES) return []
  return [problem(at, 'size', `is larger than ${MAX_FILE_BYTES} bytes`)]
}

export function fileContent({ content, content_base64: base64 }: InstalledFile): Buffer {
  return base64 === undefined ? Buffer.from(content ?? '') : Buffer.from(base64, 'base64')
}

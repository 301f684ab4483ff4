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

/** `bootloader-linux` always writes it after the files of the recipe. */
const FSTAB = '/etc/fstab'

export function checkFiles({ files = [], task_target: target }: Recipe): Problem[] {
  const problems = files.flatMap((file, index) => checkFile(file, `/files/${index}`))
  const fstab = target === 'install-linux.target' ? files.findIndex(({ path }) => path === FSTAB) : -1
  if (fstab !== -1) {
    const message = `"${FSTAB}" is made of "partition_layout"; other mounts can be units or user-data`
    problems.push(problem(`/files/${fstab}/path`, 'written', message))
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

import type { KeyObject } from 'node:crypto'
import { createHash, sign, verify } from 'node:crypto'
import { TASK_FILES } from './job-file.ts'

/** File name → content, as they lie in the root of a task medium. */
export type TaskContents = ReadonlyMap<string, Uint8Array>

/**
 * Adds `SHA256SUMS` over all files (sha256sum(1) format, sorted by name) and its Ed25519 signature in base64 to them.
 * The same files and key give the same bytes: Ed25519 is deterministic (RFC 8032 section 5.1.6).
 */
export function sealTask(files: TaskContents, key: KeyObject): TaskContents {
  const sums = Buffer.from(sumsOf(files))
  const signature = Buffer.from(`${sign(null, sums, key).toString('base64')}\n`)
  return new Map([...files, [TASK_FILES.sums, sums], [TASK_FILES.signature, signature]])
}

/** What is wrong with the checksums of a medium: nothing, or a sentence a person can act on. */
export function checkSums(files: TaskContents): string | undefined {
  const listed = files.get(TASK_FILES.sums)
  if (listed === undefined) return `it has no ${TASK_FILES.sums}`
  const expected = new Map<string, string>()
  for (const line of Buffer.from(listed).toString('utf8').split('\n')) {
    if (line === '') continue
    const match = /^([0-9a-f]{64}) {2}(.+)$/.exec(line)
    if (match?.[1] === undefined || match[2] === undefined)
      return `${TASK_FILES.sums} has the unreadable line "${line}"`
    expected.set(match[2], match[1])
  }
  for (const [name, content] of files) {
    if (name === TASK_FILES.sums || name === TASK_FILES.signature) continue
    if (expected.get(name) === undefined) return `"${name}" is not listed in ${TASK_FILES.sums}`
    if (expected.get(name) !== hex(content)) return `"${name}" was changed after it was signed`
    expected.delete(name)
  }
  const missing = [...expected.keys()][0]
  return missing === undefined ? undefined : `"${missing}" is listed in ${TASK_FILES.sums} but missing`
}

/** Whether one of the trusted keys signed the checksums. An absent or unreadable signature is false. */
export function isSigned(files: TaskContents, trusted: readonly KeyObject[]): boolean {
  const sums = files.get(TASK_FILES.sums)
  const signature = files.get(TASK_FILES.signature)
  if (sums === undefined || signature === undefined) return false
  const bytes = Buffer.from(Buffer.from(signature).toString('ascii').trim(), 'base64')
  return trusted.some((key) => verify(null, sums, key, bytes))
}

function sumsOf(files: TaskContents): string {
  const names = [...files.keys()].sort()
  return names.map((name) => `${hex(files.get(name) ?? new Uint8Array())}  ${name}\n`).join('')
}

function hex(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

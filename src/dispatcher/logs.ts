import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '../shared/errors.ts'
import type { Programs } from '../shared/exec.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import { jobUrl } from '../shared/task/job-file.ts'
import type { RunPaths } from './paths.ts'
import { post } from './report.ts'

/** What is sent of one boot; the controller takes more. */
const MAX_LOG_BYTES = 4 * 1024 * 1024
/** Enough for them at 600 kbit/s; a connection on which nothing moves ends earlier. */
const POST_MS = 60_000
/** More than fits, so that the byte limits decide. */
const MAX_LINES = 100_000
/** Of one unit's last lines, and of a dispatcher's own words; both can be long. The controller keeps the last 8 KiB of a message, and how the unit ended stands before. */
export const MAX_MESSAGE = 7 * 1024

/** Replaces every secret of the job, so that none leaves the machine in a log. */
export function redact(text: string, job: JobFile | undefined): string {
  const secrets = [job?.webhook.secret, job?.registry.password].filter(
    (secret) => secret !== undefined && secret !== '',
  )
  return secrets.reduce((redacted: string, secret) => redacted.replaceAll(secret ?? '', '[redacted]'), text)
}

/** The journal of this boot and the run files that hold no secrets and no texts of the recipe, as one text. */
export async function collectText(
  paths: RunPaths,
  job: JobFile | undefined,
  programs: Programs,
  signal: AbortSignal,
): Promise<string> {
  const parts: string[] = []
  for (const path of [paths.environment, ...(await stateFiles(paths))]) {
    const content = await readFile(path, 'utf8').catch(() => undefined)
    if (content !== undefined) parts.push(`==> ${path} <==\n${content}`)
  }
  const argv = ['journalctl', '--boot', '--output=short-monotonic', '--no-pager', `--lines=${MAX_LINES}`] as const
  const journal = await programs.read({ argv }, signal).catch((error: unknown) => `no journal: ${errorText(error)}\n`)
  const head = redact(parts.join('\n'), job)
  const tail = Buffer.from(redact(journal, job)).subarray(-(MAX_LOG_BYTES - Buffer.byteLength(head) - 100))
  return `${head}\n==> journal <==\n${tail.toString('utf8')}`
}

/** @throws `controller-unreachable` */
export async function sendLogs(
  paths: RunPaths,
  job: JobFile,
  programs: Programs,
  signal: AbortSignal,
): Promise<number> {
  const text = await collectText(paths, job, programs, signal)
  await postLogs(job, text, signal)
  return Buffer.byteLength(text)
}

/** @throws `controller-unreachable` */
export function postLogs(job: JobFile, text: string, signal: AbortSignal): Promise<void> {
  return post(job, jobUrl(job, 'logs'), text, 'text/plain; charset=utf-8', signal, POST_MS)
}

/** The last lines of one unit, systemd's own about it included: what an operator sees first. */
export async function lastLines(
  unit: string,
  job: JobFile | undefined,
  programs: Programs,
  signal: AbortSignal,
): Promise<string> {
  const argv = ['journalctl', '--boot', `--unit=${unit}`, '--lines=20', '--output=cat', '--no-pager'] as const
  return redact((await programs.read({ argv }, signal)).trim(), job).slice(-MAX_MESSAGE)
}

async function stateFiles(paths: RunPaths): Promise<string[]> {
  const names = await readdir(paths.state).catch(() => [])
  return names.sort().map((name) => join(paths.state, name))
}

import { resolve } from 'node:path'
import { createBackup } from '../backup/create.ts'
import type { EndedJob } from '../backup/end-jobs.ts'
import { restoreSnapshot } from '../backup/restore.ts'
import type { Snapshot, Unreadable } from '../backup/snapshots.ts'
import { findSnapshot, listSnapshots, verifySnapshot } from '../backup/snapshots.ts'
import { SERVE_OPTIONS } from '../config.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { systemClock } from '../shared/time.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, CommandGroup } from './command.ts'

const DATA = { ...SERVE_OPTIONS.data, doc: 'Data directory of the controller, whether it is running or not' } as const
const SNAPSHOT = { value: 'NAME', doc: 'Which one; default: the newest' } as const
const DAMAGED = 1

const create: Command = {
  name: 'backup create',
  summary: 'Add a snapshot of databases, keys, certificates and registry to a directory, while running',
  positionals: ['DIR'],
  options: { data: DATA, 'config-file': { value: 'FILE', doc: 'A configuration file to take along' }, ...JSON_OPTION },
  examples: [
    'provisioner backup create /mnt/backup',
    'provisioner backup create /mnt/backup --config-file /etc/provisioner/provisioner.yaml',
  ],
  async run(invocation) {
    const { arg, required, text, signal } = invocation
    const source = { dataDir: resolve(required('data')), config: text('config-file') }
    const { name, manifest, copied } = await createBackup(resolve(arg('DIR')), source, systemClock, signal)
    const added = `${copied.blobs} blobs (${formatBytes(copied.bytes)}) were new`
    answer(invocation, { name, ...manifest, copied }, () => `${name}: ${holdsText(manifest.holds)}; ${added}\n`)
    return 0
  },
}

const list: Command = {
  name: 'backup list',
  summary: 'List the snapshots of a directory and what each holds',
  positionals: ['DIR'],
  options: JSON_OPTION,
  examples: ['provisioner backup list /mnt/backup'],
  async run(invocation) {
    const snapshots = await listSnapshots(resolve(invocation.arg('DIR')))
    answer(invocation, snapshots.map(viewOf), () => snapshots.map(line).join(''))
    return 0
  },
}

const verify: Command = {
  name: 'backup verify',
  summary: 'Read a snapshot and its blobs and compare everything with its digest',
  positionals: ['DIR'],
  options: { snapshot: SNAPSHOT, ...JSON_OPTION },
  examples: ['provisioner backup verify /mnt/backup'],
  async run(invocation) {
    const root = resolve(invocation.arg('DIR'))
    const snapshot = await findSnapshot(root, invocation.text('snapshot'))
    const damaged = await verifySnapshot(root, snapshot, invocation.signal)
    answer(invocation, { name: snapshot.name, damaged }, () => damageText(snapshot.name, damaged))
    return damaged.length === 0 ? 0 : DAMAGED
  },
}

export const backup: CommandGroup = {
  name: 'backup',
  commands: [create, list, verify],
}

/** `provisioner restore`. */
export const restore: Command = {
  name: 'restore',
  summary: 'Make a data directory of a backup; into nothing or an empty directory only',
  positionals: ['DIR'],
  options: { data: { ...DATA, doc: 'Where to; must be empty or missing' }, snapshot: SNAPSHOT, ...JSON_OPTION },
  examples: ['provisioner restore /mnt/backup --data /var/lib/provisioner'],
  async run(invocation) {
    const { arg, required, text, signal } = invocation
    const root = resolve(arg('DIR'))
    const snapshot = await findSnapshot(root, text('snapshot'))
    const ended = await restoreSnapshot(root, snapshot, required('data'), systemClock, signal)
    const jobs = ended.map(({ id, serverSerial, status }) => ({ job_id: id, server_serial: serverSerial, status }))
    answer(invocation, { ...viewOf(snapshot), ended_jobs: jobs }, () => `Restored ${line(snapshot)}${endedText(ended)}`)
    return 0
  },
}

function damageText(name: string, damaged: readonly string[]): string {
  if (damaged.length === 0) return `${name}: all is what its digest says\n`
  return damaged.map((what) => `${name}: missing or damaged: ${what}\n`).join('')
}

function endedText(jobs: readonly EndedJob[]): string {
  const advice = 'look at the server, then create the job again'
  return jobs
    .map(({ id, serverSerial, status }) => `Ended job ${id} of ${serverSerial}, which was ${status}: ${advice}\n`)
    .join('')
}

function viewOf(snapshot: Snapshot | Unreadable) {
  return 'problem' in snapshot ? snapshot : { name: snapshot.name, ...snapshot.manifest }
}

function line(snapshot: Snapshot | Unreadable): string {
  if ('problem' in snapshot) return `${snapshot.name}: ${snapshot.problem}\n`
  const { name, manifest } = snapshot
  return `${name}: ${holdsText(manifest.holds)}, by version ${manifest.version}\n`
}

function holdsText({
  servers,
  jobs,
  repositories,
  tags,
  blobs,
  blob_bytes: bytes,
}: Snapshot['manifest']['holds']): string {
  return `${servers} servers, ${jobs} jobs, ${repositories} repositories, ${tags} tags, ${blobs} blobs (${formatBytes(bytes)})`
}

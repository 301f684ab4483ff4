import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { askControl } from '../registry/control.ts'
import type { GarbageReport } from '../registry/gc.ts'
import type { Registry } from '../registry/registry.ts'
import { openRegistry } from '../registry/registry.ts'
import type { ScrubReport } from '../registry/scrub.ts'
import { databasePath } from '../registry/storage/paths.ts'
import { formatBytes, parseByteSize } from '../shared/byte-size.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import { systemClock } from '../shared/time.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command, Invocation } from './command.ts'

const DATA = {
  value: 'DIR',
  required: true,
  doc: 'Data directory, whether a registry is running on it or not',
} as const
const DAMAGED = 1

/** `provisioner registry gc`: takes away what nothing needs. */
export const registryGc: Command = {
  name: 'registry gc',
  summary: 'Give back the space of what no tag, manifest or upload needs any more',
  positionals: [],
  options: {
    data: { ...DATA, twin: false },
    'dry-run': { doc: 'Only tell what would go' },
    'grace-hours': {
      value: 'N',
      twin: false,
      doc: 'How long what nothing needs stays; 0: none of it (default 24, or as the registry runs)',
    },
    policy: { value: 'FILE', twin: false, doc: 'Policy with the retention, when no registry is running' },
    ...JSON_OPTION,
  },
  examples: [
    'provisioner registry gc --data ./registry --dry-run',
    'provisioner registry gc --data ./registry --grace-hours 0',
  ],
  async run(invocation) {
    const hours = hoursOption(invocation, 'grace-hours')
    const asked = { dryRun: invocation.flag('dry-run'), ...(hours !== undefined && { graceMs: hours * 3_600_000 }) }
    const report = (await onStorage(invocation, {
      own: (registry, signal) => registry.collectGarbage({ ...asked, signal }),
      ask: (root, signal) => askControl(root, '/gc', asked, signal),
    })) as GarbageReport
    answer(invocation, report, () => garbageText(report))
    return 0
  },
}

/** `provisioner registry scrub`: looks for rot. */
export const registryScrub: Command = {
  name: 'registry scrub',
  summary: 'Read everything that is stored and compare it with its digest',
  positionals: [],
  options: {
    data: DATA,
    rate: { value: 'SIZE', default: '256MiB', doc: 'Read no faster than this in a second' },
    ...JSON_OPTION,
  },
  examples: [
    'provisioner registry scrub --data ./registry',
    'provisioner registry scrub --data ./registry --rate 20MiB',
  ],
  async run(invocation) {
    const bytesPerSecond = parseByteSize(invocation.required('rate'))
    if (bytesPerSecond === undefined)
      throw invocation.usage(`--rate is a size such as 64MiB, not "${invocation.required('rate')}"`)
    const report = (await onStorage(invocation, {
      own: (registry, signal) => registry.scrub({ bytesPerSecond, signal }),
      ask: (root, signal) => askControl(root, '/scrub', { bytesPerSecond }, signal),
    })) as ScrubReport
    answer(invocation, report, () => scrubText(report))
    return report.damaged.length > 0 ? DAMAGED : 0
  },
}

interface Ways {
  own(registry: Registry, signal: AbortSignal): Promise<unknown>
  ask(root: string, signal: AbortSignal): Promise<unknown>
}

/** Does it itself when the directory is free, else asks the process that has it open. */
async function onStorage({ required, text, isOption, io, signal }: Invocation, ways: Ways): Promise<unknown> {
  const root = resolve(required('data'))
  // Opening makes what is missing; a wrong path must not become a registry.
  await stat(databasePath(root)).catch((cause: unknown) => {
    throw new AppError('config-invalid', `Cannot open "${root}": there is no registry in it`, { cause })
  })
  const log = await io.logger('warn')
  const maintenance = { collectEveryMs: undefined, scrubEveryMs: undefined }
  const policyFile = isOption('policy') ? text('policy') : undefined
  const registry = await openRegistry({ root, log, clock: systemClock, maintenance, policyFile }).catch(unlessInUse)
  if (registry === undefined) return ways.ask(root, signal)
  try {
    return await ways.own(registry, signal)
  } finally {
    await registry.close()
  }
}

function unlessInUse(error: unknown): undefined {
  if (!isAppError(error, 'data-in-use')) throw error
}

/** A number of hours; undefined when the option is not given. @throws `usage` */
export function hoursOption({ text, origin, usage }: Invocation, name: string): number | undefined {
  const value = text(name)
  if (value === undefined) return undefined
  const hours = /^\d{1,6}(?:\.\d{1,3})?$/.test(value) ? Number(value) : Number.NaN
  if (Number.isNaN(hours)) throw usage(`${origin(name)} is a number of hours, not "${value}"`)
  return hours
}

function garbageText({ dryRun, tags, manifests, blobs, orphans, uploads, bytes, waitingBytes }: GarbageReport): string {
  const parts = [
    `${tags} tags`,
    `${manifests} manifests`,
    `${blobs} blobs`,
    `${orphans} files without a row`,
    `${uploads} abandoned uploads`,
  ]
  if (!dryRun) return `Removed ${parts.join(', ')}: ${formatBytes(bytes)} free again\n`
  return `Would remove ${parts.join(', ')}: ${formatBytes(bytes)}. ${formatBytes(waitingBytes)} more when their grace is over\n`
}

function scrubText({ blobs, manifests, bytes, damaged }: ScrubReport): string {
  const read = `Read ${blobs} blobs and ${manifests} manifests, ${formatBytes(bytes)}`
  if (damaged.length === 0) return `${read}: all is what its digest says\n`
  return `${read}: ${damaged.length} damaged, unknown to clients until they are pushed again\n${damaged.join('\n')}\n`
}

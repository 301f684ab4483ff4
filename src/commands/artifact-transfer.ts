import type { ContentSource, ManifestDocument } from '../oci/content.ts'
import type { CopyResult } from '../oci/copy.ts'
import { copyTo } from '../oci/copy.ts'
import type { CopyPlan } from '../oci/copy-plan.ts'
import { planCopy } from '../oci/copy-plan.ts'
import type { PackOptions } from '../oci/files.ts'
import { fileSource, UNKNOWN_ARTIFACT, unpackFiles } from '../oci/files.ts'
import { archiveFiles, writeArchive } from '../oci/layout/archive.ts'
import { directoryFiles, directoryTarget } from '../oci/layout/directory.ts'
import { layoutSource } from '../oci/layout/layout-source.ts'
import type { Location } from '../oci/location.ts'
import { sourceName, targetTag } from '../oci/location.ts'
import { hostArchitecture } from '../oci/manifest.ts'
import { REMOTE_POLICY, remoteSource } from '../oci/remote-source.ts'
import { remoteTarget, UPLOAD_POLICY } from '../oci/remote-target.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { AppError } from '../shared/errors.ts'
import { answer } from './answer.ts'
import type { RegistryClients } from './artifact-access.ts'
import { registryClients } from './artifact-access.ts'
import type { Invocation } from './command.ts'
import { transferBreaks, transferProgress } from './transfer-progress.ts'

export interface Transfer {
  readonly from: Location | { readonly files: readonly string[]; readonly pack: PackOptions }
  readonly target: Location
  readonly referrers: boolean
}

/** Copies from anywhere to anywhere and says what was done. */
export async function runTransfer(invocation: Invocation, transfer: Transfer): Promise<number> {
  const clients = await registryClients(invocation)
  try {
    await using source = await openSource(invocation, clients, transfer)
    const { target } = transfer
    const platform = invocation.text('platform') ?? (target.kind === 'file' ? `linux/${hostArchitecture()}` : undefined)
    const options = { referrers: transfer.referrers && target.kind !== 'file', platform }
    const plan = await planCopy(source.content, source.reference, options, invocation.signal)
    const progress = transferProgress(invocation.io, plan.blobs)
    // The line that redraws itself is gone before anything else is said.
    const result = await write(invocation, clients, source, plan, transfer, progress).finally(progress.end)
    report(invocation, plan.root, target, result)
    return 0
  } finally {
    clients.close()
  }
}

interface OpenSource extends AsyncDisposable {
  readonly content: ContentSource
  readonly reference: string
  readonly location: Location
  /** What a layout calls a manifest. */
  readonly tagOf?: (digest: string) => string | undefined
}

async function openSource(invocation: Invocation, clients: RegistryClients, { from }: Transfer): Promise<OpenSource> {
  if ('files' in from || from.kind === 'file') {
    const files = 'files' in from ? from.files : [from.path]
    const pack = 'files' in from ? from.pack : { mediaType: 'application/octet-stream', artifactType: UNKNOWN_ARTIFACT }
    const content = await fileSource(files, pack, invocation.signal)
    return { content, reference: '', location: { kind: 'file', path: '' }, [Symbol.asyncDispose]: async () => {} }
  }
  const reference = sourceName(from)
  if (from.kind === 'registry') {
    const repository = await clients.open(from.reference, sideOf(invocation, 'from'))
    const blob = { ...REMOTE_POLICY.blob, onBreak: transferBreaks(invocation.io) }
    const content = remoteSource(repository, { ...REMOTE_POLICY, blob })
    return { content, reference, location: from, [Symbol.asyncDispose]: async () => {} }
  }
  const files = from.kind === 'layout' ? directoryFiles(from.path) : await archiveFiles(from.path)
  const content = await layoutSource(files).catch(async (error: unknown) => {
    await files.close()
    throw error
  })
  const tagOf = (digest: string) => content.entries.find((entry) => entry.digest === digest && entry.tag)?.tag
  return { content, reference, location: from, tagOf, [Symbol.asyncDispose]: () => files.close() }
}

/** A push and a pull have one registry and one set of options; a copy has two. */
function sideOf(invocation: Invocation, side: 'from' | 'to'): 'from' | 'to' | undefined {
  return invocation.isOption(`${side}-username`) ? side : undefined
}

type Progress = ReturnType<typeof transferProgress>

async function write(
  invocation: Invocation,
  clients: RegistryClients,
  source: OpenSource,
  plan: CopyPlan,
  { target }: Transfer,
  progress: Progress,
): Promise<CopyResult & { readonly files?: readonly string[] }> {
  const { signal } = invocation
  if (target.kind === 'file') return unpackFiles(source.content, plan.root, target.path, progress, signal)
  const wanted = target.named?.includes(':') ? target.named : undefined
  if (wanted !== undefined && wanted !== plan.root.digest) {
    throw new AppError(
      'digest-mismatch',
      `Cannot copy: the target says ${wanted} and the source is ${plan.root.digest}`,
    )
  }
  const tag = targetTag(target, source.location, source.tagOf?.(plan.root.digest))
  const order = { plan, tag, observer: progress }
  if (target.kind === 'archive') return writeArchive(target.path, source.content, order, signal)
  if (target.kind === 'layout') {
    const directory = await directoryTarget(target.path)
    try {
      return await copyTo(directory, source.content, { ...order, tag: tag ?? '' }, signal)
    } finally {
      await directory.close()
    }
  }
  const repository = await clients.open(target.reference, sideOf(invocation, 'to'))
  const from = source.location.kind === 'registry' ? source.location.reference : undefined
  const mountFrom = from?.host === target.reference.host ? from.repository : undefined
  const policy = {
    ...UPLOAD_POLICY,
    ...(mountFrom !== undefined && mountFrom !== target.reference.repository && { mountFrom }),
    ...(clients.memory && { memory: clients.memory }),
  }
  return copyTo(remoteTarget(repository, policy), source.content, order, signal)
}

function report(
  invocation: Invocation,
  { digest, mediaType }: ManifestDocument,
  target: Location,
  { stored, present, mounted, bytes, files }: CopyResult & { readonly files?: readonly string[] },
): void {
  const facts = { digest, media_type: mediaType, stored, present, mounted, bytes, ...(files && { files }) }
  answer(invocation, facts, () => `${digest}\n`)
  if (invocation.flag('json')) return
  const already = present + mounted > 0 ? `, ${present + mounted} were there` : ''
  const where = target.kind === 'registry' ? `${target.reference.host}/${target.reference.repository}` : target.path
  invocation.io.err(`${where}: ${stored} blobs, ${formatBytes(bytes)} copied${already}\n`)
}

import { stat } from 'node:fs/promises'
import { copyTo } from '../oci/copy.ts'
import { planCopy } from '../oci/copy-plan.ts'
import { archiveFiles } from '../oci/layout/archive.ts'
import { directoryFiles, directoryTarget } from '../oci/layout/directory.ts'
import type { LayoutFiles } from '../oci/layout/layout-source.ts'
import { layoutSource } from '../oci/layout/layout-source.ts'
import { parseLocation, sourceName } from '../oci/location.ts'
import type { Repository } from '../oci/registry.ts'
import { remoteSource } from '../oci/remote-source.ts'
import { AppError } from '../shared/errors.ts'
import type { OciReference } from '../shared/oci-reference.ts'
import { directoryRoot } from './directory-root.ts'
import { refuseIso } from './installer.ts'
import { imageRoot } from './layers.ts'
import type { RootImage } from './root-image.ts'

export interface OpenOptions {
  /** `amd64`, `arm64`: which image of an index. */
  readonly architecture: string
  /** An empty directory for what has to be fetched. */
  readonly work: string
  repository(reference: OciReference): Promise<Repository>
}

/** What a fetched image is called in the layout it is fetched into. */
const TAG = 'image'

/**
 * A root file system by where it is: a directory, `oci-layout:DIR[:TAG]`, `oci-archive:FILE[:TAG]` or `oci://HOST/…`. What is
 * in a registry is fetched first, because every layer is read twice. Close it.
 * @throws `reference-invalid`, `not-found`, `registry-answer`, `boot-image`
 */
export async function openRoot(
  from: string,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<RootImage & AsyncDisposable> {
  if (await isDirectory(from)) return { ...(await directoryRoot(from, signal)), [Symbol.asyncDispose]: async () => {} }
  await refuseIso(from)
  const location = parseLocation(from)
  if (location.kind === 'file') {
    throw new AppError('reference-invalid', `Cannot use "${from}": a directory or a container image is needed`)
  }
  const { architecture, work, repository } = options
  let files: LayoutFiles
  let name = sourceName(location)
  if (location.kind === 'registry') {
    const reference = location.reference
    await fetchImage(await repository(reference), name, architecture, work, signal)
    files = directoryFiles(work)
    name = TAG
  } else files = location.kind === 'layout' ? directoryFiles(location.path) : await archiveFiles(location.path)
  try {
    const image = await imageRoot(await layoutSource(files), name, architecture, signal)
    return { ...image, name: `"${from}"`, [Symbol.asyncDispose]: () => files.close() }
  } catch (error) {
    await files.close()
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new AppError('boot-image', `Cannot read "${from}"`, { cause: error })
  }
}

async function fetchImage(
  repository: Repository,
  name: string,
  architecture: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const source = remoteSource(repository)
  const plan = await planCopy(source, name, { referrers: false, platform: `linux/${architecture}` }, signal)
  const target = await directoryTarget(directory)
  await copyTo(target, source, { plan, tag: TAG }, signal)
  await target.close()
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

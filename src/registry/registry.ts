import { errorText } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import type { Clock } from '../shared/time.ts'
import { sleep } from '../shared/time.ts'
import type { Authorize } from './access/access.ts'
import type { Callers } from './access/callers.ts'
import { openAccess } from './access/open.ts'
import { createBlobSender } from './blob-response.ts'
import { blobEndpoints } from './blobs.ts'
import { createContentCache, rememberHeads } from './cache.ts'
import type { RegistryDeps } from './call.ts'
import { discoveryEndpoints } from './discovery.ts'
import type { Entrances } from './entrances.ts'
import { entrances } from './entrances.ts'
import { manifestEndpoints } from './manifests.ts'
import type { PolicySource } from './policy-file.ts'
import { registryRoutes } from './routes.ts'
import { filesystemBlobs, filesystemUploads, prepareDirectories } from './storage/filesystem.ts'
import { databasePath } from './storage/paths.ts'
import { sqliteMetadata } from './storage/sqlite-metadata.ts'
import type { UploadSessions } from './upload-sessions.ts'
import { createUploadSessions } from './upload-sessions.ts'
import { uploadEndpoints } from './uploads.ts'

export type { Authorize } from './access/access.ts'
export type { Access } from './call.ts'

export interface RegistryOptions {
  /** Directory of everything the registry keeps; see storage/paths.ts. */
  readonly root: string
  readonly log: Logger
  readonly clock: Clock
  /** File with rights, quotas and limits (docs/registry-access.md), read again when it changes. Without it and without `callers`, everybody may do everything. */
  readonly policyFile?: string | undefined
  /** The same from elsewhere than a file. */
  readonly policy?: PolicySource
  /** Where callers beside those of the policy's htpasswd file are known. */
  readonly callers?: Callers
  /** Decides instead of policy and callers. */
  readonly authorize?: Authorize
  /** Accept manifests whose references are missing. Default false: a broken push is noticed when it happens. */
  readonly sparse?: boolean
  /** Bytes of the file system that pushes must leave free. Default 64 MiB, so that the database can still write. */
  readonly reserveBytes?: number
}

export interface Registry extends Entrances {
  close(): Promise<void>
}

/** A session nobody has touched for this long is abandoned. */
const IDLE_UPLOAD_MS = 24 * 3_600_000
/** Manifests and small blobs in memory: the working set of a site, and a quarter of what the registry may take. */
const CACHE_BYTES = 64 << 20
const SWEEP_EVERY_MS = 3_600_000

/** Opens the storage below `root`, clears what a crash left behind, and returns the routes. */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const { root, log, clock, sparse = false, reserveBytes = 64 << 20 } = options
  await prepareDirectories(root)
  const stored = sqliteMetadata(databasePath(root))
  const metadata = { ...stored, ...rememberHeads(stored) }
  const blobs = filesystemBlobs(root)
  const sessions = createUploadSessions({ blobs, uploads: filesystemUploads(root), metadata, clock, reserveBytes })
  const deps: RegistryDeps = { blobs, metadata, contents: createContentCache(CACHE_BYTES), clock, log, sparse }
  const access = await openAccess(options)
  const isOpen = (options.policyFile ?? options.policy ?? options.callers) === undefined
  const answer = registryRoutes(
    {
      base: async ({ c }) => c.json({}),
      token: access.token,
      blobs: blobEndpoints(deps, createBlobSender()),
      uploads: uploadEndpoints(deps, sessions),
      manifests: manifestEndpoints(deps),
      discovery: discoveryEndpoints(deps),
    },
    options.authorize ?? (isOpen ? async () => undefined : access.authorize),
    log,
  )
  await sessions.sweep(new Date(clock.now().getTime() - IDLE_UPLOAD_MS), true)
  const stop = new AbortController()
  const sweeping = sweepRegularly(sessions, clock, log, stop.signal)
  return {
    ...entrances(answer, { received: 0, sent: 0 }),
    async close() {
      stop.abort()
      await sweeping
      await access.close()
      await metadata.close()
    },
  }
}

async function sweepRegularly(sessions: UploadSessions, clock: Clock, log: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await sleep(SWEEP_EVERY_MS, signal)
      const removed = await sessions.sweep(new Date(clock.now().getTime() - IDLE_UPLOAD_MS), false)
      if (removed > 0) log.info({ removed }, 'abandoned uploads removed')
    } catch (error) {
      // Tried again in an hour; uploads and pulls go on meanwhile.
      if (!signal.aborted) log.warn({ err: error, reason: errorText(error) }, 'abandoned uploads could not be removed')
    }
  }
}

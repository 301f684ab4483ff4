import { constants, access as mayAccess } from 'node:fs/promises'
import { formatBytes } from '../shared/byte-size.ts'
import { AppError } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import type { LoginThrottle } from '../shared/passwords/login-throttle.ts'
import { EXPOSITION_TYPE } from '../shared/prometheus.ts'
import type { Clock } from '../shared/time.ts'
import type { Authorize } from './access/access.ts'
import type { Callers } from './access/callers.ts'
import { createLimits } from './access/limits.ts'
import { openAccess } from './access/open.ts'
import { createQuotas } from './access/quotas.ts'
import type { TellChange } from './audit.ts'
import { createBlobSender } from './blob-response.ts'
import { blobEndpoints } from './blobs.ts'
import { createContentCache, rememberHeads } from './cache.ts'
import type { RegistryDeps } from './call.ts'
import { serveControl } from './control.ts'
import { createDigestLock } from './digest-lock.ts'
import { discoveryEndpoints } from './discovery.ts'
import type { Entrances } from './entrances.ts'
import { entrances } from './entrances.ts'
import { finishDeletions, IDLE_UPLOAD_MS } from './gc.ts'
import type { Maintenance, MaintenanceOptions } from './maintenance.ts'
import { DEFAULT_MAINTENANCE, startMaintenance } from './maintenance.ts'
import { manifestEndpoints } from './manifests.ts'
import { createRegistryMetrics } from './metrics.ts'
import { createMirror } from './mirror/mirror.ts'
import type { MirrorOptions } from './mirror/options.ts'
import type { PolicySource } from './policy-file.ts'
import { registryRoutes } from './routes.ts'
import { filesystemBlobs, filesystemUploads, prepareDirectories } from './storage/filesystem.ts'
import { ownStorage } from './storage/owner.ts'
import { databasePath } from './storage/paths.ts'
import { sqliteMetadata } from './storage/sqlite-metadata.ts'
import { createUploadSessions } from './upload-sessions.ts'
import { uploadEndpoints } from './uploads.ts'

export type { Authorize } from './access/access.ts'
export type { Access } from './call.ts'
export type { MirrorOptions } from './mirror/options.ts'

export interface RegistryOptions {
  /** Directory of everything the registry keeps; see storage/paths.ts. */
  readonly root: string
  readonly log: Logger
  readonly clock: Clock
  readonly onChange?: TellChange
  /** File with rights, quotas and limits (docs/registry-access.md), read again when it changes. Without it and without `callers`, everybody may do everything. */
  readonly policyFile?: string | undefined
  /** The same from elsewhere than a file. */
  readonly policy?: PolicySource
  /** Where callers beside those of the policy's htpasswd file are known. */
  readonly callers?: Callers
  /** The same for callers whose passwords people chose. */
  readonly people?: Callers
  /** Counts wrong passwords, with those of others who share it. */
  readonly throttle?: LoginThrottle
  /** Decides instead of policy and callers. */
  readonly authorize?: Authorize
  /** Accept manifests whose references are missing. Default false: a broken push is noticed when it happens. */
  readonly sparse?: boolean
  /** Repositories that are fetched from other registries when they are asked for. Default: those of the policy. */
  readonly mirrors?: readonly MirrorOptions[]
  /** Bytes of the file system that pushes must leave free. Default 64 MiB, so that the database can still write. */
  readonly reserveBytes?: number
  /** Garbage collection and scrub; what is missing is DEFAULT_MAINTENANCE. */
  readonly maintenance?: Partial<MaintenanceOptions>
}

export interface Registry extends Entrances, Pick<Maintenance, 'collectGarbage' | 'scrub'> {
  /** What Prometheus reads. */
  metrics(): Promise<string>
  /** @throws `not-ready` when it cannot take a push */
  ready(): Promise<void>
  close(): Promise<void>
}

/** Manifests and small blobs in memory: the working set of a site, and a quarter of what the registry may take. */
const CACHE_BYTES = 64 << 20

/** Opens the storage below `root`, clears what a crash left behind, and returns the routes. */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const { root, log, clock, sparse = false, reserveBytes = 64 << 20 } = options
  await prepareDirectories(root)
  const access = await openAccess(options)
  const owned = ownStorage(root)
  const stored = sqliteMetadata(databasePath(root))
  const metadata = { ...stored, ...rememberHeads(stored) }
  const blobs = filesystemBlobs(root)
  const limits = createLimits(access.policy)
  const quotas = createQuotas(access.policy, metadata.usedBytes, clock)
  const uploads = filesystemUploads(root)
  const exclusive = createDigestLock()
  const sessions = createUploadSessions({ blobs, uploads, metadata, quotas, exclusive, clock, reserveBytes })
  const retention = () => access.policy.current()
  const deps: RegistryDeps = {
    blobs,
    metadata,
    quotas,
    contents: createContentCache(CACHE_BYTES),
    retention,
    clock,
    log,
    sparse,
  }
  const metrics = createRegistryMetrics()
  const send = createBlobSender()
  const mirror = createMirror(
    () => options.mirrors ?? access.policy.current().upstreams,
    { ...deps, sessions, uploads },
    send,
  )
  const content = mirror.wrap({
    blobs: blobEndpoints(deps, send),
    uploads: uploadEndpoints(deps, sessions),
    manifests: manifestEndpoints(deps),
    discovery: discoveryEndpoints(deps),
  })
  const metricsText = () =>
    metrics.text({ metadata, blobs, uploads, collectGarbage: (dry) => maintenance.collectGarbage(dry) })
  const answer = registryRoutes(
    {
      ...content,
      base: async ({ c }) => c.json({}),
      metrics: async ({ c }) => c.body(await metricsText(), 200, { 'content-type': EXPOSITION_TYPE }),
      token: access.token,
      blobs: limits.blobs(content.blobs),
      uploads: limits.uploads(content.uploads),
    },
    options.authorize ?? access.authorize,
    { log, onChange: options.onChange, metrics, nameOf: mirror.nameOf },
  )
  await sessions.sweep(new Date(clock.now().getTime() - IDLE_UPLOAD_MS), true)
  await sessions.recount()
  await finishDeletions({ metadata, blobs })
  const parts = { blobs, uploads, metadata, sessions, exclusive, retention, clock, log }
  const maintenance = startMaintenance(parts, { ...DEFAULT_MAINTENANCE, ...options.maintenance })
  const control = await serveControl(root, maintenance, log)
  return {
    ...entrances(answer, metrics.traffic),
    collectGarbage: maintenance.collectGarbage,
    scrub: maintenance.scrub,
    metrics: metricsText,
    async ready() {
      await mayAccess(root, constants.W_OK)
      await metadata.hasRepository('ready')
      const free = await blobs.freeBytes()
      if (free < reserveBytes) throw new AppError('not-ready', `${formatBytes(free)} are free, which is reserved`)
    },
    async close() {
      await mirror.close()
      await control.close()
      await maintenance.close()
      await access.close()
      await metadata.close()
      owned.release()
    },
  }
}

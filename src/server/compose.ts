import { mkdir } from 'node:fs/promises'
import type { ServeConfig } from '../config.ts'
import { dataPaths } from '../config.ts'
import { openRegistry } from '../registry/registry.ts'
import { keepCertificate, openCertificate } from '../shared/certificate.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import { fingerprintOf } from '../shared/fingerprint.ts'
import { addressText } from '../shared/listen-address.ts'
import type { Logger } from '../shared/log.ts'
import { createLoginThrottle } from '../shared/passwords/login-throttle.ts'
import { reloadOnHangup } from '../shared/reload.ts'
import { systemClock } from '../shared/time.ts'
import { openAccounts } from './accounts/accounts.ts'
import { certificateSource, ownUrlsOf } from './addresses.ts'
import { controllerApp, mediaApp } from './app.ts'
import { bmcAccess } from './bmcs.ts'
import { testMedia } from './doctor/test-media.ts'
import { firstToken } from './first-token.ts'
import { eventStreams } from './http/event-streams.ts'
import type { JobFeed } from './jobs/feed.ts'
import { createJobFeed } from './jobs/feed.ts'
import type { Job } from './jobs/machine.ts'
import type { EntryType, JobMedia, JobStore } from './jobs/ports.ts'
import { StepFailure } from './jobs/provision.ts'
import { pruneEnded } from './jobs/pruning.ts'
import { jobRecord } from './jobs/record.ts'
import { runWorker } from './jobs/worker.ts'
import { loadKeys } from './keys.ts'
import { startListeners } from './listeners.ts'
import type { LiveSettings } from './live-settings.ts'
import { liveSettings } from './live-settings.ts'
import { imageMap, mediaSensor } from './media/boot-watch.ts'
import { jobMedia } from './media/job-media.ts'
import type { MaintenanceImages } from './media/maintenance.ts'
import { maintenanceImages } from './media/maintenance.ts'
import type { Medium } from './media/medium.ts'
import { servedMedia } from './media/served.ts'
import type { ControllerMetrics } from './metrics.ts'
import { createControllerMetrics } from './metrics.ts'
import { databaseCheck, maintenanceCheck, readiness, registryCheck, storageCheck, workerCheck } from './readiness.ts'
import { openReach } from './redfish/reach.ts'
import { registryCallers, registryPeople } from './registry-access.ts'
import { sqliteAuditStore } from './store/audit.ts'
import { openChangingDatabase } from './store/changing-database.ts'
import { holdDirectory, openDatabase } from './store/database.ts'
import { sqliteJobStore } from './store/jobs.ts'
import { sqliteKnownBmcs } from './store/known-bmcs.ts'
import { sqliteLearnedProfiles } from './store/profiles.ts'
import { sealedSample } from './store/sealed-passwords.ts'
import { sqliteServerStore } from './store/servers.ts'
import { sqliteTokenStore } from './store/tokens.ts'
import { sqliteUserStore } from './store/users.ts'

/** What the person or script that started the controller should be told. */
export interface Started {
  readonly url: string
  readonly publicUrl: string
  /** The first admin token: only at the first start, and only when no file was named for it. */
  readonly adminToken: string | undefined
  /** SHA-256 of the CA that clients must trust; undefined without one. */
  readonly caFingerprint: string | undefined
}

const clock = systemClock
/** One process owns a SQLite file, so after a restart its leases are its own again. */
const WORKER = 'controller'
/** Below it pushes are refused, and before that the database could not write any more. */
const RESERVE_BYTES = 64 << 20
/** It turns twice a second when it has nothing to do. */
const WORKER_PATIENCE_MS = 30_000
const NO_IMAGE = imageMap(0, [])
const NO_MAINTENANCE = 'Cannot run jobs: no maintenance image is configured (--maintenance-iso FILE)'

/**
 * The composition root: builds everything, joins ports to adapters, and serves until `signal` aborts.
 * @throws `not-ready` when the database cannot be written any more: whoever started the process starts it again
 */
export async function runController(
  config: ServeConfig,
  log: Logger,
  onStarted: (started: Started) => void,
  signal: AbortSignal,
  readAgain: () => Promise<ServeConfig> = async () => config,
): Promise<void> {
  const data = await openData(config, log)
  const feed = createJobFeed()
  const jobs = sqliteJobStore(data.changing.db, data.changing.commits, feed.entry)
  const images = maintenanceImages(signal)
  const exchangeImage = (path: string | undefined) => images.exchange(path, jobs.activeImages)
  const live = liveSettings(config, log, exchangeImage)
  // A file of the same name may be another image.
  const reloading = reloadOnHangup(config, { read: readAgain, apply: live.apply, always: ['maintenanceIso'], log })
  try {
    const { broken } = data.changing
    await exchangeImage(config.maintenanceIso)
    await serveData({ ...data, jobs, feed, images, live }, config, log, onStarted, AbortSignal.any([signal, broken]))
    broken.throwIfAborted()
  } finally {
    await reloading.close()
    await images[Symbol.asyncDispose]()
    // The last connection to close copies the log into the database; this one has no thread of its own beside it.
    await data.changing.close()
    data.db.close()
    data.held.close()
  }
}

type Opened = Awaited<ReturnType<typeof openData>> & {
  readonly jobs: JobStore
  readonly feed: JobFeed
  readonly images: MaintenanceImages
  readonly live: LiveSettings
}

async function serveData(
  { keys, certificate, db, changing, jobs, feed, images, live }: Opened,
  config: ServeConfig,
  log: Logger,
  onStarted: (started: Started) => void,
  signal: AbortSignal,
): Promise<void> {
  const ownUrls = ownUrlsOf(config)
  const streams = eventStreams()
  const tls = certificate?.material
  const mediaCaPem = config.tlsFiles === undefined ? tls?.ca : undefined
  const servers = sqliteServerStore(changing.db, keys.seal, changing.commits)
  const tokens = sqliteTokenStore(db)
  const users = sqliteUserStore(db)
  const throttle = createLoginThrottle(clock)
  const accounts = openAccounts({ users, tokens, throttle, clock })
  const metrics = createControllerMetrics()
  const record = jobRecord(jobs, clock, (job) => {
    metrics.jobChanged(job)
    feed.job(job)
  })
  const media = jobMedia({
    ownUrls: { ...ownUrls, mediaCaPem, caPem: tls?.ca ?? null },
    secrets: keys.secrets,
    taskKey: keys.taskKey,
  })
  const trail = sqliteAuditStore(changing.db, changing.commits)
  const registry = await openRegistry({
    root: dataPaths(config.dataDir).registry,
    log,
    clock,
    callers: registryCallers({ accounts, jobs, secrets: keys.secrets }),
    people: registryPeople(accounts),
    throttle,
    policyFile: config.registryPolicy,
    onChange(entry) {
      trail.add(entry, clock.now()).catch((error: unknown) => log.error({ err: error }, 'a change is not in the trail'))
    },
  })
  const imageOf = (job: Job) => images.of(job)?.map ?? NO_IMAGE
  const sensor = mediaSensor({ jobs, record, clock, log, imageOf })
  const note = (id: string, type: EntryType, message: string) => jobs.note(id, { type, message }, clock.now())

  const tests = testMedia(ownUrls.mediaUrl, { plainOrigin: ownUrls.plainMediaUrl, caPem: mediaCaPem })
  const profiles = sqliteLearnedProfiles(changing.db, clock, changing.commits)
  const known = sqliteKnownBmcs(changing.db, clock, changing.commits)
  const reach = openReach({ allowLoopback: config.allowLoopbackBmc })
  const bmcs = bmcAccess({ profiles, known, testMedia: tests, clock, log, observe: metrics.bmcRequest, reach })
  const worker = workerCheck(WORKER_PATIENCE_MS)

  const routes = {
    ...bmcs,
    testMedia: tests,
    reserved: new Set<string>(),
    jobs,
    feed,
    streams,
    maintenance: () => images.current?.medium,
    servers,
    accounts,
    users,
    tokens,
    trail,
    caPem: tls?.ca,
    record,
    secrets: keys.secrets,
    clock,
    log,
    registry,
    ready: readiness([
      databaseCheck(changing),
      storageCheck(config.dataDir, RESERVE_BYTES),
      registryCheck(registry),
      maintenanceCheck(() => images.current?.medium, NO_MAINTENANCE),
      worker.check,
    ]),
    metrics,
    metricsText: () => metrics.text(db),
    metricsOpen: config.metricsOpen,
    medium: countedMedia(
      servedMedia({ maintenance: (job) => images.of(job)?.medium, plans: media, servers, sensor }),
      metrics,
    ),
  }

  const http = await startListeners(config, {
    app: controllerApp(routes),
    media: mediaApp(routes),
    direct: registry.direct,
    ...(tls && { tls }),
    log,
  }).catch(async (error: unknown) => {
    await registry.close()
    throw error
  })
  // New requests are refused from the first moment on, while the jobs let go.
  signal.addEventListener('abort', () => void http.close(), { once: true })
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const renewing = certificate && keepCertificate(certificate, http.useCertificate, log, either)
  let pruning: Promise<void> | undefined
  try {
    onStarted({
      url: `${config.tls ? 'https' : 'http'}://${addressText({ host: config.host, port: http.port })}`,
      publicUrl: ownUrls.publicUrl,
      // Made when nothing can go wrong any more: it is shown once, and the next start makes no other.
      adminToken: users.isEmpty() ? await firstToken(tokens, config.adminTokenFile, clock) : undefined,
      caFingerprint: tls?.ca === undefined ? undefined : fingerprintOf(tls.ca),
    })
    const served: JobMedia = {
      ...media,
      prepare(job, server) {
        if (images.current === undefined) throw new StepFailure('iso.serve', NO_MAINTENANCE)
        return { maintenance: images.current.medium.etag, task: media.plan(job, server).etag }
      },
      isServed: (job, server) =>
        (job.maintenance === null || images.of(job) !== undefined) &&
        (job.task === null || job.task === media.plan(job, server).etag),
    }
    const { connectBmc } = bmcs
    const deps = {
      jobs,
      servers,
      record,
      feed,
      connectBmc,
      media: served,
      bootWatch: sensor,
      budgetsNow: live.budgetsNow,
      clock,
      log,
      note,
      turned: worker.turned,
      tookOver: metrics.tookOver,
    }
    pruning = pruneEnded({ jobs, keepDays: live.keepDays, clock, log }, either)
    await runWorker(WORKER, live.conversations, deps, signal)
  } finally {
    over.abort()
    await Promise.all([renewing, pruning])
    await bmcs.close()
    streams.close()
    await http.close()
    metrics.close()
    await registry.close()
    await accounts.close()
  }
}

/** Everything below the data directory but the registry's. @throws `config-invalid` */
async function openData(config: ServeConfig, log: Logger) {
  const paths = dataPaths(config.dataDir)
  try {
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
    const held = holdDirectory(paths.lock)
    const db = openDatabase(paths.database)
    const keys = await loadKeys(paths.keys, sealedSample(db))
    const certificate = config.tls ? await openCertificate(certificateSource(config), clock) : undefined
    return { held, keys, certificate, db, changing: openChangingDatabase(paths.database, log) }
  } catch (cause) {
    if (isAppError(cause)) throw cause
    throw new AppError('config-invalid', `Cannot use the data directory "${config.dataDir}"`, { cause })
  }
}

/** The media of jobs, counted by their kind as they are read. */
function countedMedia(
  find: (job: Job, name: string) => Promise<Medium | undefined>,
  metrics: ControllerMetrics,
): typeof find {
  return async (job, name) => {
    const medium = await find(job, name)
    return medium && metrics.counted(medium, name.replace(/\.(iso|img)$/, ''))
  }
}

import type { Metric, Sample } from '../shared/prometheus.ts'
import { exposition } from '../shared/prometheus.ts'
import type { Exchange, Traffic } from './exchange.ts'
import type { GarbageReport } from './gc.ts'
import type { BlobStore, MetadataStore, UploadStore } from './storage/storage.ts'

/** Every metric of the registry; docs/metrics.md explains each (test/registry/metrics.test.ts compares). */
export const REGISTRY_METRICS = {
  provisioner_registry_requests_total: {
    type: 'counter',
    help: 'Answered requests, by endpoint.',
    labels: ['route', 'method', 'status'],
  },
  provisioner_registry_request_seconds: {
    type: 'histogram',
    help: 'Time from the headers of a request to the last byte of its answer.',
    labels: ['route'],
  },
  provisioner_registry_requests_in_flight: { type: 'gauge', help: 'Requests not yet answered.', labels: [] },
  provisioner_registry_received_bytes_total: {
    type: 'counter',
    help: 'Bytes of request bodies, while they arrive.',
    labels: [],
  },
  provisioner_registry_sent_bytes_total: {
    type: 'counter',
    help: 'Bytes of response bodies, while they leave.',
    labels: [],
  },
  provisioner_registry_storage_bytes: { type: 'gauge', help: 'Blobs and manifests, each counted once.', labels: [] },
  provisioner_registry_storage_free_bytes: { type: 'gauge', help: 'Space left in the file system.', labels: [] },
  provisioner_registry_reclaimable_bytes: {
    type: 'gauge',
    help: 'What a garbage collection would give back now; looked at every five minutes.',
    labels: [],
  },
  provisioner_registry_uploads: { type: 'gauge', help: 'Push sessions that have not ended.', labels: [] },
  provisioner_registry_upload_bytes: { type: 'gauge', help: 'Bytes these sessions hold.', labels: [] },
  provisioner_registry_damaged: { type: 'gauge', help: 'Blobs and manifests known to be damaged.', labels: [] },
} as const satisfies Record<string, Metric>

/** Upper bounds in seconds: a manifest, a small blob, a layer, a disk image. */
const BUCKETS = [0.005, 0.05, 0.5, 5, 50, 500]

/** A dry run looks at every row. */
const RECLAIMABLE_FOR_MS = 300_000

export interface MetricsDeps {
  readonly metadata: Pick<MetadataStore, 'usedBytes' | 'damaged'>
  readonly blobs: Pick<BlobStore, 'freeBytes'>
  readonly uploads: Pick<UploadStore, 'list' | 'size'>
  readonly collectGarbage: (options: { dryRun: true }) => Promise<GarbageReport>
}

export interface RegistryMetrics {
  readonly traffic: Traffic
  /** Counts a request from now on; call what it returns when it has been answered. */
  begin(c: Exchange): (status: number, ms: number) => void
  /** The text that Prometheus reads. */
  text(deps: MetricsDeps): Promise<string>
}

interface Route {
  readonly buckets: number[]
  seconds: number
  count: number
}

/** Counters since the start; gauges are read when they are asked for. */
export function createRegistryMetrics(): RegistryMetrics {
  const traffic: Traffic = { received: 0, sent: 0 }
  const requests = new Map<string, { labels: Record<string, string>; count: number }>()
  const routes = new Map<string, Route>()
  let inFlight = 0
  let reclaimable: { at: number; bytes: number } | undefined

  function ended(route: string, method: string, status: number, ms: number): void {
    inFlight--
    const key = `${route} ${method} ${status}`
    const counted = requests.get(key) ?? { labels: { route, method, status: String(status) }, count: 0 }
    counted.count++
    requests.set(key, counted)
    const timed = routes.get(route) ?? { buckets: BUCKETS.map(() => 0), seconds: 0, count: 0 }
    timed.count++
    timed.seconds += ms / 1000
    const bucket = BUCKETS.findIndex((bound) => ms / 1000 <= bound)
    if (bucket !== -1) timed.buckets[bucket] = (timed.buckets[bucket] ?? 0) + 1
    routes.set(route, timed)
  }

  function counted(): Sample[] {
    const name = 'provisioner_registry_requests_total'
    return [
      ...[...requests.values()].map(({ labels, count }) => ({ name, labels, value: count })),
      ...[...routes].flatMap(([route, timed]) => histogram(route, timed)),
      { name: 'provisioner_registry_requests_in_flight', value: inFlight },
      { name: 'provisioner_registry_received_bytes_total', value: traffic.received },
      { name: 'provisioner_registry_sent_bytes_total', value: traffic.sent },
    ]
  }

  async function reclaimableBytes(collectGarbage: MetricsDeps['collectGarbage']): Promise<number> {
    if (reclaimable === undefined || performance.now() - reclaimable.at > RECLAIMABLE_FOR_MS) {
      const { bytes } = await collectGarbage({ dryRun: true })
      reclaimable = { at: performance.now(), bytes }
    }
    return reclaimable.bytes
  }

  return {
    traffic,
    begin(c) {
      inFlight++
      return (status, ms) => ended(c.facts.route, knownMethod(c.req.method), status, ms)
    },
    async text({ metadata, blobs, uploads, collectGarbage }) {
      const present = await uploads.list()
      const sizes = await Promise.all(present.map(({ id }) => uploads.size(id)))
      const gauges = {
        provisioner_registry_storage_bytes: await metadata.usedBytes(''),
        provisioner_registry_storage_free_bytes: await blobs.freeBytes(),
        provisioner_registry_reclaimable_bytes: await reclaimableBytes(collectGarbage),
        provisioner_registry_uploads: present.length,
        provisioner_registry_upload_bytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
        provisioner_registry_damaged: (await metadata.damaged()).length,
      }
      const samples = Object.entries(gauges).map(([name, value]) => ({ name, value }))
      return exposition(REGISTRY_METRICS, [...counted(), ...samples])
    },
  }
}

function histogram(route: string, { buckets, seconds, count }: Route): Sample[] {
  const name = 'provisioner_registry_request_seconds'
  let below = 0
  const bounded = BUCKETS.map((bound, index) => {
    below += buckets[index] ?? 0
    return { name: `${name}_bucket`, labels: { route, le: String(bound) }, value: below }
  })
  return [
    ...bounded,
    { name: `${name}_bucket`, labels: { route, le: '+Inf' }, value: count },
    { name: `${name}_sum`, labels: { route }, value: seconds },
    { name: `${name}_count`, labels: { route }, value: count },
  ]
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** A client may send any word; it shall not make a series of its own. */
function knownMethod(method: string): string {
  return METHODS.includes(method) ? method : 'other'
}

import type { Metric } from '../shared/prometheus.ts'

/** Every metric of the controller; docs/metrics.md explains each (test/server/metrics.test.ts compares). */
export const CONTROLLER_METRICS = {
  provisioner_build_info: { type: 'gauge', help: 'Always 1; which build runs.', labels: ['version', 'build'] },
  provisioner_requests_total: {
    type: 'counter',
    help: 'Answered requests beside those of the registry, by route.',
    labels: ['route', 'method', 'status'],
  },
  provisioner_request_seconds: {
    type: 'histogram',
    help: 'Time from the headers of a request to the last byte of its answer; event streams are left out.',
    labels: ['route'],
  },
  provisioner_requests_in_flight: { type: 'gauge', help: 'Requests not yet answered.', labels: [] },
  provisioner_event_streams: { type: 'gauge', help: 'Event streams that clients have open.', labels: [] },
  provisioner_media_read_bytes_total: {
    type: 'counter',
    help: 'Bytes of media read by BMCs and servers.',
    labels: ['medium'],
  },
  provisioner_jobs: { type: 'gauge', help: 'Jobs that are not complete.', labels: ['status', 'phase'] },
  provisioner_jobs_waiting_for_report: {
    type: 'gauge',
    help: 'Jobs whose server was started and has not reported its end.',
    labels: [],
  },
  provisioner_jobs_ended_total: { type: 'counter', help: 'Jobs that became complete.', labels: ['outcome'] },
  provisioner_job_seconds: {
    type: 'histogram',
    help: 'Time from the creation of a job to its completion.',
    labels: ['outcome'],
  },
  provisioner_redfish_requests_total: {
    type: 'counter',
    help: 'Requests to BMCs; status "none" when no answer came.',
    labels: ['vendor', 'method', 'status'],
  },
  provisioner_redfish_request_seconds: { type: 'histogram', help: 'Time to the answer of a BMC.', labels: ['vendor'] },
  provisioner_worker_takeovers_total: {
    type: 'counter',
    help: 'Workers that did not beat any more and whose jobs were taken over.',
    labels: [],
  },
  provisioner_database_bytes: { type: 'gauge', help: 'Pages of the database, used and free.', labels: [] },
  provisioner_event_loop_delay_seconds: {
    type: 'gauge',
    help: 'How late timers were since the last look; percentile 100 is the worst.',
    labels: ['percentile'],
  },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time of the process, user and system.', labels: [] },
  process_resident_memory_bytes: { type: 'gauge', help: 'Memory of the process that is not swapped.', labels: [] },
  process_open_fds: { type: 'gauge', help: 'Open files and sockets of the process.', labels: [] },
  process_start_time_seconds: { type: 'gauge', help: 'When the process began, seconds since 1970.', labels: [] },
} as const satisfies Record<string, Metric>

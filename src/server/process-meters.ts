import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Sample } from '../shared/prometheus.ts'

/** A timer of this period is watched: finer costs CPU on an idle controller. */
const RESOLUTION_MS = 50

/** What the process itself costs, by the names that Prometheus clients share. */
export function processMeters(): { samples(): Sample[]; close(): void } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  return {
    samples() {
      const { user, system } = process.cpuUsage()
      const late = (percentile: number, nanoseconds: number): Sample => ({
        name: 'provisioner_event_loop_delay_seconds',
        labels: { percentile: String(percentile) },
        // The histogram holds the time between two ticks of the timer.
        value: Math.max(0, (nanoseconds || 0) / 1e9 - RESOLUTION_MS / 1000),
      })
      const samples: Sample[] = [
        late(50, delay.percentile(50)),
        late(99, delay.percentile(99)),
        late(100, delay.max),
        { name: 'process_cpu_seconds_total', value: (user + system) / 1e6 },
        { name: 'process_resident_memory_bytes', value: process.memoryUsage.rss() },
        { name: 'process_open_fds', value: readdirSync('/proc/self/fd').length },
        { name: 'process_start_time_seconds', value: Math.round(performance.timeOrigin / 1000) },
      ]
      delay.reset()
      return samples
    },
    close: () => void delay.disable(),
  }
}

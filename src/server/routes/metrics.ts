import type { Context } from 'hono'
import { EXPOSITION_TYPE } from '../../shared/prometheus.ts'
import type { Endpoints } from '../http/endpoint.ts'

export interface MetricsRouteDeps {
  /** What Prometheus reads. */
  metricsText(): string
}

const GET_METRICS = {
  method: 'GET',
  path: '/metrics',
  summary: 'Metrics in the text format of Prometheus',
  answers: { 200: { description: 'docs/metrics.md explains each', content: { 'text/plain': { type: 'string' } } } },
} as const

export const METRICS_ENDPOINTS = { getMetrics: { ...GET_METRICS, may: 'reader' } } as const satisfies Endpoints

/** With `--metrics-open`. */
export const OPEN_METRICS_ENDPOINTS = { getMetrics: { ...GET_METRICS, may: 'anyone' } } as const satisfies Endpoints

export function metricsHandlers({ metricsText }: MetricsRouteDeps) {
  return {
    getMetrics: ({ c }: { readonly c: Context }) => c.body(metricsText(), 200, { 'content-type': EXPOSITION_TYPE }),
  }
}

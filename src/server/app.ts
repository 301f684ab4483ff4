import { Hono } from 'hono'
import type { Registry } from '../registry/registry.ts'
import { AppError } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import type { AuthDeps } from './http/auth.ts'
import { accountByLogin } from './http/auth.ts'
import { meterRequests } from './http/meter-requests.ts'
import type { Gate } from './http/mount.ts'
import { mount } from './http/mount.ts'
import { problemResponse } from './http/problem.ts'
import type { ControllerMetrics } from './metrics.ts'
import type { DoctorRouteDeps } from './routes/doctor.ts'
import { DOCTOR_ENDPOINTS, doctorHandlers, TEST_MEDIUM_ENDPOINTS, testMediumHandlers } from './routes/doctor.ts'
import { ENDPOINTS } from './routes/endpoints.ts'
import type { HealthRouteDeps } from './routes/health.ts'
import { HEALTH_ENDPOINTS, healthHandlers } from './routes/health.ts'
import type { JobRouteDeps } from './routes/jobs.ts'
import { JOB_ENDPOINTS, jobHandlers } from './routes/jobs.ts'
import type { MediaRouteDeps } from './routes/media.ts'
import { MEDIA_ENDPOINTS, mediaHandlers } from './routes/media.ts'
import type { MetricsRouteDeps } from './routes/metrics.ts'
import { METRICS_ENDPOINTS, metricsHandlers, OPEN_METRICS_ENDPOINTS } from './routes/metrics.ts'
import { OPENAPI_ENDPOINTS, openApiHandlers } from './routes/openapi.ts'
import type { ReportRouteDeps } from './routes/reports.ts'
import { jobBySecret, REPORT_ENDPOINTS, reportHandlers } from './routes/reports.ts'
import type { ServerRouteDeps } from './routes/servers.ts'
import { SERVER_ENDPOINTS, serverHandlers } from './routes/servers.ts'

export type AppDeps = JobRouteDeps &
  MediaRouteDeps &
  ReportRouteDeps &
  ServerRouteDeps &
  DoctorRouteDeps &
  HealthRouteDeps &
  MetricsRouteDeps &
  AuthDeps & {
    readonly registry: Registry
    readonly log: Logger
    readonly metrics: Pick<ControllerMetrics, 'begin'>
    /** Whether everybody may read the metrics; else only who has a token. */
    readonly metricsOpen: boolean
  }

/** Every route of the controller: the tables of routes/endpoints.ts, and the registry. */
export function controllerApp(deps: AppDeps): Hono {
  const app = new Hono()
  app.onError((error, c) => problemResponse(error, c, deps.log))
  app.notFound((c) => problemResponse(new AppError('not-found', `Cannot find "${c.req.path}"`), c, deps.log))

  app.use(meterRequests(deps.metrics.begin))
  // hono's route() would drop the registry's own 404 and error answers; clients parse nothing but OCI error JSON.
  app.all('/v2', (c) => deps.registry.app.fetch(c.req.raw, c.env))
  app.all('/v2/*', (c) => deps.registry.app.fetch(c.req.raw, c.env))

  const gate: Gate = { account: accountByLogin(deps), job: jobBySecret(deps) }
  mount(app, HEALTH_ENDPOINTS, healthHandlers(deps), gate)
  mount(app, deps.metricsOpen ? OPEN_METRICS_ENDPOINTS : METRICS_ENDPOINTS, metricsHandlers(deps), gate)
  mount(app, TEST_MEDIUM_ENDPOINTS, testMediumHandlers(deps), gate)
  mount(app, MEDIA_ENDPOINTS, mediaHandlers(deps), gate)
  mount(app, REPORT_ENDPOINTS, reportHandlers(deps), gate)
  mount(app, JOB_ENDPOINTS, jobHandlers(deps), gate)
  mount(app, SERVER_ENDPOINTS, serverHandlers(deps), gate)
  mount(app, DOCTOR_ENDPOINTS, doctorHandlers(deps), gate)
  mount(app, OPENAPI_ENDPOINTS, openApiHandlers(ENDPOINTS), gate)
  return app
}

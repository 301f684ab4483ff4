import { Hono } from 'hono'
import type { Registry } from '../registry/registry.ts'
import { logAudit } from '../shared/audit.ts'
import type { Logger } from '../shared/log.ts'
import type { AuthDeps } from './http/auth.ts'
import { accountByLogin } from './http/auth.ts'
import { limitedAccounts } from './http/limit-requests.ts'
import { meterRequests } from './http/meter-requests.ts'
import { answerUnmatched } from './http/methods.ts'
import type { Gate } from './http/mount.ts'
import { mount } from './http/mount.ts'
import { problemResponse } from './http/problem.ts'
import { strictHeaders } from './http/strict-headers.ts'
import type { Medium } from './media/medium.ts'
import type { ControllerMetrics } from './metrics.ts'
import type { AuditRouteDeps } from './routes/audit.ts'
import { AUDIT_ENDPOINTS, auditHandlers } from './routes/audit.ts'
import { DASHBOARD_ENDPOINTS, dashboardHandlers } from './routes/dashboard.ts'
import type { DoctorRouteDeps } from './routes/doctor.ts'
import { DOCTOR_ENDPOINTS, doctorHandlers, TEST_MEDIUM_ENDPOINTS, testMediumHandlers } from './routes/doctor.ts'
import { ENDPOINTS } from './routes/endpoints.ts'
import type { EventRouteDeps } from './routes/events.ts'
import { EVENT_ENDPOINTS, eventHandlers } from './routes/events.ts'
import type { HealthRouteDeps } from './routes/health.ts'
import { HEALTH_ENDPOINTS, healthHandlers } from './routes/health.ts'
import type { JobRouteDeps } from './routes/jobs.ts'
import { JOB_ENDPOINTS, jobHandlers } from './routes/jobs.ts'
import type { MediaRouteDeps } from './routes/media.ts'
import { MEDIA_ENDPOINTS, mediaHandlers, STATIC_ENDPOINTS, staticHandlers } from './routes/media.ts'
import type { MetricsRouteDeps } from './routes/metrics.ts'
import { METRICS_ENDPOINTS, metricsHandlers, OPEN_METRICS_ENDPOINTS } from './routes/metrics.ts'
import { OPENAPI_ENDPOINTS, openApiHandlers } from './routes/openapi.ts'
import { RECIPE_ENDPOINTS, recipeHandlers } from './routes/recipes.ts'
import type { ReportRouteDeps } from './routes/reports.ts'
import { jobBySecret, REPORT_ENDPOINTS, reportHandlers } from './routes/reports.ts'
import type { ServerRouteDeps } from './routes/servers.ts'
import { SERVER_ENDPOINTS, serverHandlers } from './routes/servers.ts'
import type { TokenRouteDeps } from './routes/tokens.ts'
import { TOKEN_ENDPOINTS, tokenHandlers } from './routes/tokens.ts'
import type { UserRouteDeps } from './routes/users.ts'
import { USER_ENDPOINTS, userHandlers } from './routes/users.ts'
import type { AuditStore } from './store/audit.ts'

export type AppDeps = AuthDeps &
  JobRouteDeps &
  EventRouteDeps &
  MediaRouteDeps &
  ReportRouteDeps &
  ServerRouteDeps &
  DoctorRouteDeps &
  HealthRouteDeps &
  MetricsRouteDeps &
  UserRouteDeps &
  TokenRouteDeps &
  AuditRouteDeps & {
    readonly trail: AuditStore
    readonly registry: Registry
    maintenance(): Medium | undefined
    readonly log: Logger
    readonly metrics: Pick<ControllerMetrics, 'begin'>
    /** Whether everybody may read the metrics; else only who has a token. */
    readonly metricsOpen: boolean
  }

/** Every route of the controller: the tables of routes/endpoints.ts, and the registry. */
export function controllerApp(deps: AppDeps): Hono {
  const app = new Hono()
  app.onError((error, c) => problemResponse(error, c, deps.log))
  app.notFound(answerUnmatched(ENDPOINTS))

  app.use(meterRequests(deps.metrics.begin), strictHeaders())
  // hono's route() would drop the registry's own 404 and error answers; clients parse nothing but OCI error JSON.
  app.all('/v2', (c) => deps.registry.app.fetch(c.req.raw, c.env))
  app.all('/v2/*', (c) => deps.registry.app.fetch(c.req.raw, c.env))

  const gate = gateOf(deps)
  mount(app, HEALTH_ENDPOINTS, healthHandlers(deps), gate)
  mount(app, deps.metricsOpen ? OPEN_METRICS_ENDPOINTS : METRICS_ENDPOINTS, metricsHandlers(deps), gate)
  mount(app, TEST_MEDIUM_ENDPOINTS, testMediumHandlers(deps), gate)
  mount(app, MEDIA_ENDPOINTS, mediaHandlers(deps), gate)
  mount(app, STATIC_ENDPOINTS, staticHandlers(deps), gate)
  mount(app, RECIPE_ENDPOINTS, recipeHandlers(), gate)
  mount(app, REPORT_ENDPOINTS, reportHandlers(deps), gate)
  mount(app, JOB_ENDPOINTS, jobHandlers(deps), gate)
  mount(app, EVENT_ENDPOINTS, eventHandlers(deps), gate)
  mount(app, SERVER_ENDPOINTS, serverHandlers(deps), gate)
  mount(app, DOCTOR_ENDPOINTS, doctorHandlers(deps), gate)
  mount(app, USER_ENDPOINTS, userHandlers(deps), gate)
  mount(app, TOKEN_ENDPOINTS, tokenHandlers(deps), gate)
  mount(app, AUDIT_ENDPOINTS, auditHandlers(deps), gate)
  mount(app, DASHBOARD_ENDPOINTS, dashboardHandlers(), gate)
  mount(app, OPENAPI_ENDPOINTS, openApiHandlers(ENDPOINTS), gate)
  return app
}

/** Media and nothing else, for a listener without TLS: nothing that comes there may carry a password or a token of a person. */
export function mediaApp(deps: AppDeps): Hono {
  const app = new Hono()
  app.onError((error, c) => problemResponse(error, c, deps.log))
  app.notFound(answerUnmatched({ ...TEST_MEDIUM_ENDPOINTS, ...MEDIA_ENDPOINTS }))
  app.use(meterRequests(deps.metrics.begin), strictHeaders())
  const gate = gateOf(deps)
  mount(app, TEST_MEDIUM_ENDPOINTS, testMediumHandlers(deps), gate)
  mount(app, MEDIA_ENDPOINTS, mediaHandlers(deps), gate)
  return app
}

function gateOf(deps: AppDeps): Gate {
  return {
    account: limitedAccounts(accountByLogin(deps), deps.clock),
    job: jobBySecret(deps),
    audit: (entry, ms) => {
      logAudit(deps.log, entry, { ms })
      return deps.trail.add(entry, deps.clock.now())
    },
  }
}

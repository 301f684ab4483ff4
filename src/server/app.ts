import { Hono } from 'hono'
import type { Registry } from '../registry/registry.ts'
import { AppError } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import type { AuthDeps } from './http/auth.ts'
import { requireAccount } from './http/auth.ts'
import { problemResponse } from './http/problem.ts'
import type { DoctorRouteDeps } from './routes/doctor.ts'
import { doctorRoutes, testMediaRoutes } from './routes/doctor.ts'
import type { JobRouteDeps } from './routes/jobs.ts'
import { jobRoutes } from './routes/jobs.ts'
import type { MediaRouteDeps } from './routes/media.ts'
import { mediaRoutes } from './routes/media.ts'
import type { ReportRouteDeps } from './routes/reports.ts'
import { reportRoutes } from './routes/reports.ts'
import type { ServerRouteDeps } from './routes/servers.ts'
import { serverRoutes } from './routes/servers.ts'

export type AppDeps = JobRouteDeps &
  MediaRouteDeps &
  ReportRouteDeps &
  ServerRouteDeps &
  DoctorRouteDeps &
  AuthDeps & {
    readonly registry: Registry
    readonly log: Logger
    /** Throws while the controller cannot do its work. */
    ready(): Promise<void>
  }

/** Every route of the controller. What proves itself (reports, media, registry) stands before the token. */
export function controllerApp(deps: AppDeps): Hono {
  const app = new Hono()
  app.onError((error, c) => problemResponse(error, c, deps.log))
  app.notFound((c) => problemResponse(new AppError('not-found', `Cannot find "${c.req.path}"`), c, deps.log))

  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    await deps.ready()
    return c.json({ status: 'ready' })
  })
  // hono's route() would drop the registry's own 404 and error answers; clients parse nothing but OCI error JSON.
  app.all('/v2', (c) => deps.registry.app.fetch(c.req.raw, c.env))
  app.all('/v2/*', (c) => deps.registry.app.fetch(c.req.raw, c.env))
  app.route('/media', testMediaRoutes(deps))
  app.route('/media', mediaRoutes(deps))
  app.route('/api/v1', reportRoutes(deps))

  const api = new Hono()
  api.use(requireAccount(deps))
  api.route('/jobs', jobRoutes(deps))
  api.route('/servers', serverRoutes(deps))
  api.route('/servers', doctorRoutes(deps))
  app.route('/api/v1', api)
  return app
}

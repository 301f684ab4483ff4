import type { Endpoints } from '../http/endpoint.ts'
import { AUDIT_ENDPOINTS } from './audit.ts'
import { DASHBOARD_ENDPOINTS } from './dashboard.ts'
import { DOCTOR_ENDPOINTS, TEST_MEDIUM_ENDPOINTS } from './doctor.ts'
import { EVENT_ENDPOINTS } from './events.ts'
import { HEALTH_ENDPOINTS } from './health.ts'
import { JOB_ENDPOINTS } from './jobs.ts'
import { MEDIA_ENDPOINTS, STATIC_ENDPOINTS } from './media.ts'
import { METRICS_ENDPOINTS } from './metrics.ts'
import { OPENAPI_ENDPOINTS } from './openapi.ts'
import { RECIPE_ENDPOINTS } from './recipes.ts'
import { REPORT_ENDPOINTS } from './reports.ts'
import { SERVER_ENDPOINTS } from './servers.ts'
import { TOKEN_ENDPOINTS } from './tokens.ts'
import { USER_ENDPOINTS } from './users.ts'

/** Every endpoint of the controller but the registry's (`/v2/` is the OCI distribution specification's). */
export const ENDPOINTS: Endpoints = {
  ...JOB_ENDPOINTS,
  ...EVENT_ENDPOINTS,
  ...REPORT_ENDPOINTS,
  ...SERVER_ENDPOINTS,
  ...DOCTOR_ENDPOINTS,
  ...TEST_MEDIUM_ENDPOINTS,
  ...MEDIA_ENDPOINTS,
  ...STATIC_ENDPOINTS,
  ...RECIPE_ENDPOINTS,
  ...HEALTH_ENDPOINTS,
  ...METRICS_ENDPOINTS,
  ...USER_ENDPOINTS,
  ...TOKEN_ENDPOINTS,
  ...AUDIT_ENDPOINTS,
  ...DASHBOARD_ENDPOINTS,
  ...OPENAPI_ENDPOINTS,
}

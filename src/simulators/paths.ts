import type { Profile } from './profile.ts'

/** Where things are that every simulated BMC has at the same place. */
export const ROOT = '/redfish/v1'
export const SESSION_SERVICE = `${ROOT}/SessionService`
export const SESSIONS = `${SESSION_SERVICE}/Sessions`
export const TASKS = `${ROOT}/TaskService/Tasks`
export const SYSTEMS = `${ROOT}/Systems`
export const MANAGERS = `${ROOT}/Managers`
export const CERTIFICATE_SERVICE = `${ROOT}/CertificateService`
export const REPLACE_CERTIFICATE = `${CERTIFICATE_SERVICE}/Actions/CertificateService.ReplaceCertificate`

export function link(path: string): { readonly '@odata.id': string } {
  return { '@odata.id': path }
}

export function bootOptionsPath({ system }: Profile): string {
  return `${system.path}/BootOptions`
}

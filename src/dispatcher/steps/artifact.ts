import { arch } from 'node:os'
import type { RegistryAccess } from '../../oci/registry.ts'
import type { OciReference } from '../../shared/oci-reference.ts'
import type { JobFile } from '../../shared/task/job-file.ts'

/** The controller's registry gets the job's credential and the controller's CA; every other is reached anonymously. */
export function accessFor(reference: OciReference, job: JobFile): RegistryAccess {
  if (reference.host !== job.registry.host) return { plainHttp: false, caPem: undefined, credentials: undefined }
  return {
    plainHttp: job.controller.url.startsWith('http:'),
    caPem: job.controller.ca_pem ?? undefined,
    credentials: { username: job.registry.username, password: job.registry.password },
  }
}

/** `GOARCH`, as image indexes name it. */
export function architecture(): string {
  return arch() === 'x64' ? 'amd64' : arch()
}

import { timingSafeEqual } from 'node:crypto'
import { OciError } from '../registry/errors.ts'
import type { Authorize } from '../registry/registry.ts'
import { sha256 } from '../shared/digest.ts'
import { parseOciReference } from '../shared/oci-reference.ts'
import { parseRecipeText } from '../shared/recipe/parse.ts'
import { passwordOf, tokenOf } from './http/auth.ts'
import type { Job } from './jobs/machine.ts'
import type { JobSecrets, JobStore } from './jobs/ports.ts'
import type { TokenStore } from './store/tokens.ts'

export interface RegistryAccessDeps {
  readonly tokens: TokenStore
  readonly jobs: Pick<JobStore, 'find'>
  readonly secrets: JobSecrets
}

/**
 * Who may do what under /v2/: an API token (as the password of any user name) by its role, and a running job what its
 * recipe names, to pull.
 */
export function registryAccess({ tokens, jobs, secrets }: RegistryAccessDeps): Authorize {
  return async function authorize({ authorization, repository, access }) {
    const token = tokenOf(authorization)
    const account = token === undefined ? undefined : tokens.find(token)
    if (account !== undefined) {
      if (account.role === 'reader' && access !== 'pull' && access !== 'catalog') throw new OciError('DENIED')
      return
    }
    const job = await jobOf(authorization)
    if (job === undefined) throw new OciError('UNAUTHORIZED')
    if (access !== 'pull' || (repository !== undefined && repository !== repositoryOf(job)))
      throw new OciError('DENIED')
  }

  async function jobOf(authorization: string | undefined): Promise<Job | undefined> {
    const [scheme, value] = authorization?.split(' ', 2) ?? []
    const login = /^basic$/i.test(scheme ?? '') ? passwordOf(value ?? '') : undefined
    const job = login === undefined ? undefined : await jobs.find(login.username)
    if (login === undefined || job?.status !== 'provisioning') return undefined
    const expected = sha256(secrets.registryPassword(job))
    return timingSafeEqual(Buffer.from(sha256(login.password)), Buffer.from(expected)) ? job : undefined
  }
}

function repositoryOf(job: Job): string | undefined {
  const { oci_url: url } = parseRecipeText(job.recipeText)
  return url === undefined ? undefined : parseOciReference(url).repository
}

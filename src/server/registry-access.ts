import { timingSafeEqual } from 'node:crypto'
import type { Caller, Callers } from '../registry/access/callers.ts'
import { sha256 } from '../shared/digest.ts'
import { parseOciReference } from '../shared/oci-reference.ts'
import { parsePrintedRecipe } from '../shared/recipe/parse.ts'
import { TOOL_REPOSITORY } from '../shared/task/tool-image.ts'
import type { Accounts } from './accounts/accounts.ts'
import type { Job } from './jobs/machine.ts'
import type { JobSecrets, JobStore } from './jobs/ports.ts'
import type { Account } from './store/tokens.ts'

export interface RegistryAccessDeps {
  readonly accounts: Accounts
  readonly jobs: Pick<JobStore, 'find'>
  readonly secrets: JobSecrets
}

/** Recipes are immutable, and reading one costs more than the rest of a request. */
const MAX_REMEMBERED = 2000

/**
 * Whom the controller knows under /v2/ by what nobody can guess: accounts, by an API token as the password of any user name,
 * and running jobs, by their id and the password on their task medium. What they may do is the registry's policy.
 */
export function registryCallers({ accounts, jobs, secrets }: RegistryAccessDeps): Callers {
  const named = new Map<string, readonly string[]>()

  function jobCaller(job: Job | undefined): Caller | undefined {
    if (job?.status !== 'provisioning') return undefined
    const known = named.get(job.id) ?? repositoriesOf(job)
    // Last used, last to go.
    named.delete(job.id)
    named.set(job.id, known)
    const [oldest] = named.keys()
    if (named.size > MAX_REMEMBERED && oldest !== undefined) named.delete(oldest)
    return { kind: 'job', name: job.id, repositories: known, stamp: `job:${job.id}:${job.attempt}` }
  }

  return {
    async verify({ username, password }) {
      const account = accounts.byToken(password)
      if (account !== undefined) return accountCaller(account, accounts.tokenStamp(password))
      const job = username === undefined ? undefined : await jobs.find(username)
      if (job === undefined) return undefined
      const expected = sha256(secrets.registryPassword(job))
      return timingSafeEqual(Buffer.from(sha256(password)), Buffer.from(expected)) ? jobCaller(job) : undefined
    },
    async recall(stamp) {
      const account = accounts.recall(stamp)
      if (account !== undefined) return accountCaller(account, stamp)
      const [kind, id = ''] = stamp.split(':')
      const caller = kind === 'job' ? jobCaller(await jobs.find(id)) : undefined
      // Another attempt is another password: tokens of the one before are void.
      return caller?.kind === 'job' && caller.stamp === stamp ? caller : undefined
    },
  }
}

/** The controller's users under /v2/, by their passwords. */
export function registryPeople(accounts: Accounts): Callers {
  return {
    async verify({ username, password }) {
      const account = username === undefined ? undefined : await accounts.byPassword(username, password)
      const stamp = account && accounts.stampOf(account.name)
      return account === undefined || stamp === undefined ? undefined : accountCaller(account, stamp)
    },
    recall: async () => undefined,
  }
}

function accountCaller({ name, role }: Account, stamp: string): Caller {
  return { kind: 'account', name, role, stamp }
}

/** What the recipe and the maintenance OS's own tools name. */
function repositoriesOf(job: Job): readonly string[] {
  const { oci_url: image, firmware_url: firmware, firmware_tool: tool } = parsePrintedRecipe(job.recipeText)
  const urls = [image, firmware, tool?.image].filter((url) => url?.startsWith('oci://'))
  return [TOOL_REPOSITORY, ...urls.map((url) => parseOciReference(url ?? '').repository)]
}

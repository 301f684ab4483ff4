import { randomBytes } from 'node:crypto'
import { planIso } from '../../isobuilder/plan.ts'
import { bytesSource } from '../../isobuilder/source.ts'
import { AppError } from '../../shared/errors.ts'
import { base32 } from '../../shared/ids.ts'
import type { MediumUrl } from '../jobs/bmc-ports.ts'
import type { Medium } from '../media/medium.ts'
import { planMedium } from '../media/medium.ts'

/** Small media that exist to be fetched, and who fetched them. */
export interface TestMedia {
  /** A new one, with a URL of its own. It is gone after `forget`. */
  open(): TestMedium
  find(token: string): TestMedium | undefined
}

export interface TestMedium extends MediumUrl {
  readonly medium: Medium
  /** Told of each request: `HEAD`, `GET`. */
  seen(method: string): void
  /** Requests so far, in order; the first hundred. */
  readonly requests: readonly string[]
  forget(): void
}

/** What the media routes serve it as; slots that take a URL want a name like that. */
export const TEST_MEDIUM_NAME = 'doctor.iso'

const MAX_REQUESTS = 100
const TEXT = 'A medium of provisioner server doctor. It holds nothing and can be ejected.\n'

export function testMedia(mediaUrl: string, more: Pick<MediumUrl, 'plainOrigin' | 'caPem'> = {}): TestMedia {
  const open = new Map<string, TestMedium>()
  return {
    find: (token) => open.get(token),
    open() {
      const token = base32(randomBytes(20)).toLowerCase()
      const requests: string[] = []
      const medium: TestMedium = {
        url: `${mediaUrl}/media/${token}/${TEST_MEDIUM_NAME}`,
        ...more,
        medium: planMedium(planOf(token)),
        requests,
        seen: (method) => void (requests.length < MAX_REQUESTS && requests.push(method)),
        forget: () => void open.delete(token),
      }
      open.set(token, medium)
      return medium
    },
  }
}

/** With its token inside, so that no cache of a BMC knows it already. */
function planOf(token: string) {
  const source = bytesSource(Buffer.from(`${TEXT}${token}\n`))
  const result = planIso([{ path: 'README.txt', source }], { label: 'PROVISIONER_DOCTOR' })
  if (!result.ok) throw new AppError('iso-plan', 'Cannot make the test medium', { problems: result.problems })
  return result.plan
}

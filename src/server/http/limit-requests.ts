import type { Context } from 'hono'
import { AppError, isAppError } from '../../shared/errors.ts'
import { networkOf } from '../../shared/passwords/login-throttle.ts'
import type { Clock } from '../../shared/time.ts'
import { createTokenBuckets } from '../../shared/token-bucket.ts'
import type { Account } from '../store/tokens.ts'
import { addressOf } from './address.ts'

/** For one caller; a thousand jobs at once, each polled every second, stay below. A loop that runs wild does not. */
const READS = { burst: 4000, perSecond: 1000 }
const WRITES = { burst: 4000, perSecond: 200 }
/** Tokens and passwords that are none, from one address; an event stream that was cut off asks once a second. */
const STRANGERS = { burst: 100, perSecond: 5 }

/**
 * Limits how often accounts ask. What proves itself by the secret of a job, and media, do not come here: a BMC and a server
 * in mid-install are never held up.
 */
export function limitedAccounts(
  identify: (c: Context) => Account | Promise<Account>,
  clock: Clock,
): (c: Context) => Promise<Account> {
  const reads = createTokenBuckets(READS, clock)
  const writes = createTokenBuckets(WRITES, clock)
  const strangers = createTokenBuckets(STRANGERS, clock)

  async function known(c: Context): Promise<Account> {
    try {
      return await identify(c)
    } catch (error) {
      if (isAppError(error, 'unauthenticated')) refuseAfter(strangers.take(networkOf(addressOf(c) ?? '')))
      throw error
    }
  }

  return async (c) => {
    const account = await known(c)
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD'
    refuseAfter((isRead ? reads : writes).take(`${account.kind}:${account.name}`))
    return account
  }
}

function refuseAfter(seconds: number): void {
  if (seconds === 0) return
  throw new AppError('rate-limited', 'Cannot answer: too many requests', { retryAfterSeconds: seconds })
}

import { AppError } from '../shared/errors.ts'
import { writeFileAtomic } from '../shared/files.ts'
import type { Clock } from '../shared/time.ts'
import type { TokenStore } from './store/tokens.ts'
import { newToken } from './store/tokens.ts'

/** The token that the first start makes, to be shown once; undefined when there is one, or when it was written to `file`. */
export async function firstToken(
  tokens: TokenStore,
  file: string | undefined,
  clock: Clock,
): Promise<string | undefined> {
  if (!tokens.isEmpty()) return undefined
  const record = { name: 'first admin', role: 'admin', owner: null, createdAt: clock.now(), expiresAt: null } as const
  if (file === undefined) return tokens.create(record).token
  // Written first: a token that is known to nobody would lock everybody out, and no second one is made.
  const token = newToken()
  await writeFileAtomic(file, `${token}\n`, 0o600).catch((cause: unknown) => {
    throw new AppError('config-invalid', `Cannot write the first admin token to "${file}"`, { cause })
  })
  tokens.create(record, token)
  return undefined
}

import { expect, test } from 'vitest'
import { createBcrypt } from '../../../src/shared/passwords/bcrypt.ts'

/** A vector of crypt_blowfish, wrapper.c. */
const HASH = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'

test('comparisons that are asked for together are answered each by its own, and closing waits for them', async () => {
  const bcrypt = createBcrypt()
  const asked = Promise.all(['U*U', 'other', 'U*U'].map((password) => bcrypt.compare(password, HASH)))
  await bcrypt.close()
  expect(await asked).toEqual([true, false, true])
})

test('a thread that failed is replaced at the next comparison', async () => {
  const bcrypt = createBcrypt()
  const noHash = 7 as unknown as string
  const asked = [bcrypt.compare('U*U', noHash), bcrypt.compare('U*U', HASH)] as const
  await expect(asked[0]).rejects.toMatchObject({
    code: 'internal',
    cause: { message: expect.stringContaining('Illegal arguments') },
  })
  expect(await asked[1]).toBe(true)
  await bcrypt.close()
})

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { hashThread } from '../../../src/dispatcher/imaging/hash-thread.ts'
import { sha256 } from '../../../src/shared/digest.ts'

const MIB = 1 << 20

test('chunks of any length give the digest of all', async () => {
  using thread = hashThread('sha256')
  const content = randomBytes(6 * MIB)
  for (const [start, end] of [
    [0, 5],
    [5, MIB],
    [MIB, 5 * MIB + 1],
    [5 * MIB + 1, 6 * MIB],
  ]) {
    await thread.update(content.subarray(start, end))
  }
  expect(`sha256:${await thread.digest()}`).toBe(sha256(content))
})

test('a thread that fails ends the reading that waits for it, instead of holding it for ever', async () => {
  using thread = hashThread('no such hash' as 'sha256')
  const unsupported = { code: 'step-failed', cause: { message: 'Digest method not supported' } }
  const reading = async () => {
    for (let chunk = 0; chunk < 8; chunk++) await thread.update(Buffer.alloc(MIB))
  }
  await expect(reading()).rejects.toMatchObject(unsupported)
  await expect(thread.digest()).rejects.toMatchObject(unsupported)
})

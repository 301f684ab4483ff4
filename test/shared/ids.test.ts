import fc from 'fast-check'
import { expect, test } from 'vitest'
import { base32, deriveSecret, jobIdTime, newJobId } from '../../src/shared/ids.ts'

test('a job id is 26 characters that ISO9660 can record, and sorts by age', () => {
  const early = newJobId(new Date('2026-01-02T03:04:05Z'), new Uint8Array(10).fill(255))
  const late = newJobId(new Date('2026-01-02T03:04:05.001Z'), new Uint8Array(10))
  expect(early).toMatch(/^[0-9A-Z]{26}$/)
  expect(early < late).toBe(true)
})

test('a job id tells when the job was made, and an id of another kind tells nothing', () => {
  const made = new Date('2026-01-02T03:04:05.678Z')
  expect(jobIdTime(newJobId(made))).toEqual(made)
  for (const id of ['', 'job-1', newJobId(made).slice(1), newJobId(made).replace(/^../, '0U')]) {
    expect(jobIdTime(id), id).toBe(undefined)
  }
})

test('base32 keeps every bit: different bytes give different texts of the same length', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      (a, b) => {
        expect(base32(a)).toHaveLength(26)
        expect(base32(a) === base32(b)).toBe(Buffer.compare(a, b) === 0)
      },
    ),
  )
})

test('a derived secret is the same again for the same key and purpose, and no other', () => {
  const key = new Uint8Array(32).fill(7)
  expect(deriveSecret(key, 'webhook:a:1')).toBe(deriveSecret(key, 'webhook:a:1'))
  expect(deriveSecret(key, 'webhook:a:1')).not.toBe(deriveSecret(key, 'webhook:a:2'))
  expect(deriveSecret(key, 'x')).toMatch(/^[0-9a-z]{32}$/)
})

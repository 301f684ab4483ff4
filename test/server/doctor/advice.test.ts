import { expect, test } from 'vitest'
import { adviceFor } from '../../../src/server/doctor/advice.ts'
import { type RefusalReason, refusal, refusalWith } from '../../../src/server/jobs/bmc-refusal.ts'
import { chooseSystem } from '../../../src/server/redfish/discover.ts'

test.for<[RefusalReason, RegExp]>([
  ['starting', /examine it again/],
  ['no-http', /cannot boot from HTTP/],
  ['http-only', /--media-listen/],
  ['https-only', /https --media-url/],
])('%s: what to do hangs on no sentence, and is found behind another refusal', ([reason, advice]) => {
  const cause = refusal('redfish-answer', 'Cannot', { reason })
  expect(adviceFor(cause)).toMatch(advice)
  const first = refusal('redfish-answer', 'Cannot', { status: 400 })
  expect(adviceFor(refusalWith(first, { cause }))).toMatch(advice)
})

test('a BMC that lists no system is one that has just started', () => {
  const examine = () => {
    try {
      return chooseSystem([], 'SN-1')
    } catch (error) {
      return adviceFor(error)
    }
  }
  expect(examine()).toMatch(/examine it again/)
})

test('what the BMC says goes before what it cannot do', () => {
  const words = 'HTTP 403: LicenseKeyRequired'
  expect(adviceFor(refusal('redfish-unsupported', words, { reason: 'http-only' }))).toMatch(/iLO Advanced licence/)
  expect(adviceFor(refusal('redfish-unsupported', 'Cannot', {}))).toMatch(/Update the firmware/)
})

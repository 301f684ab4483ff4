import { expect, test } from 'vitest'
import { refusal } from '../../../src/server/jobs/bmc-refusal.ts'
import type { RedfishClient } from '../../../src/server/redfish/client.ts'
import { waitUntilAttached } from '../../../src/server/redfish/dell-attributes.ts'
import type { Discovery } from '../../../src/server/redfish/discover.ts'
import { STANDARD } from '../../../src/server/redfish/quirks.ts'
import { FAST, never } from './connected.ts'

const discovery = {
  managers: [{ path: '/managers/1' }],
  quirks: { ...STANDARD, attributesBeside: 'Attributes' },
} as unknown as Discovery

/** An iDRAC that refuses to show its attributes. */
const refusing = (status: number) =>
  ({
    find: () => Promise.reject(refusal('redfish-answer', `HTTP ${status}`, { status })),
  }) as unknown as RedfishClient

test.for([403, 405, 500])('a medium that is in is believed when attributes are answered HTTP %i', async (status) => {
  await waitUntilAttached(refusing(status), discovery, '1', FAST, never)
})

test('an account that is refused meanwhile is told', async () => {
  await expect(waitUntilAttached(refusing(401), discovery, '1', FAST, never)).rejects.toThrow('HTTP 401')
})

import { pino } from 'pino'
import { expect, test } from 'vitest'
import { simulatedBmcs } from '../../src/server/simulated.ts'
import { systemClock } from '../../src/shared/time.ts'

const ADDRESS = { url: 'simulate:idrac9', username: 'root', password: 'p', verifyTls: false, serial: 'SN1' }

test('a simulated BMC that could not be started is started by the next who asks, and does not keep the others open', async () => {
  const bmcs = simulatedBmcs(systemClock, pino({ level: 'silent' }), 0)
  await expect(bmcs.resolve({ ...ADDRESS, url: 'simulate:nonsense' })).rejects.toThrow('nonsense')
  const { url } = await bmcs.resolve(ADDRESS)
  expect(await bmcs.resolve(ADDRESS)).toMatchObject({ url })
  await bmcs.close()
  await expect(fetch(`${url}/redfish/v1/`)).rejects.toThrow('fetch failed')
})

test('the simulated BMC of a server that is removed ends, and no other', async () => {
  const bmcs = simulatedBmcs(systemClock, pino({ level: 'silent' }), 0)
  const [first, other] = [await bmcs.resolve(ADDRESS), await bmcs.resolve({ ...ADDRESS, serial: 'SN10' })]
  await bmcs.forget('SN1')
  await expect(fetch(`${first.url}/redfish/v1/`)).rejects.toThrow('fetch failed')
  expect((await fetch(`${other.url}/redfish/v1/`)).status).toBe(200)
  await bmcs.close()
})

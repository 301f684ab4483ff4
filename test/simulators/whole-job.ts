import type { Bmc } from '../../src/server/jobs/bmc-ports.ts'
import { never } from '../server/redfish/connected.ts'
import type { Simulated } from './simulated.ts'

/** What a job gives to a BMC. */
export const MEDIA = {
  maintenance: 'https://192.0.2.1:8443/media/tok-1/maintenance.iso',
  task: 'https://192.0.2.1:8443/media/tok-1/task.iso',
  combined: 'https://192.0.2.1:8443/media/tok-1/combined.iso',
  plainOrigin: 'http://192.0.2.1:8080',
}

/** What `provision.ts` and `cleanup.ts` do to a server, in their order. */
export async function wholeJob(bmc: Bmc, { simulator }: Simulated): Promise<Readonly<Record<string, string>>> {
  await bmc.insertMedia(MEDIA, () => undefined, never)
  const inserted = Object.entries(simulator.images()).filter(([, image]) => image !== undefined)
  if (bmc.armsWhenOff) await bmc.powerOff(never)
  await bmc.bootOnceFromCd(never)
  await bmc.powerOff(never)
  await bmc.powerOn(never)
  await bmc.powerOff(never)
  await bmc.ejectMedia(never)
  await bmc.clearBootOverride(true, never)
  await bmc.powerOn(never)
  return Object.fromEntries(inserted.map(([id, image]) => [id, String(image).split('/').at(-1) ?? '']))
}

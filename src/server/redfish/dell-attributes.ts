import type { RedfishClient, Resource } from './client.ts'
import type { Discovery } from './discover.ts'

/** The attributes of the iDRAC itself; `undefined` where there are none. */
export async function readDellAttributes(
  client: RedfishClient,
  { managers, quirks }: Discovery,
  signal: AbortSignal,
): Promise<Resource | undefined> {
  const linked = managers.find((manager) => manager.attributes !== undefined)?.attributes
  if (linked !== undefined) return client.find(linked, signal)
  const [manager] = managers
  if (quirks.attributesBeside === undefined || manager === undefined) return undefined
  return client.find(`${manager.path}/${quirks.attributesBeside}`, signal)
}

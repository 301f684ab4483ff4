import type { RedfishClient } from './client.ts'
import { type Discovery, ofManagers } from './discover.ts'

/** Takes a job out of the queue of an iDRAC; what is scheduled there blocks imports (LC068) and runs at the next start. */
export async function deleteDellJob(
  client: RedfishClient,
  discovery: Discovery,
  task: string,
  signal: AbortSignal,
): Promise<void> {
  const service = ofManagers(discovery, 'jobService')
  const id = task.split('/').at(-1)
  if (service === undefined || id === undefined || !id.startsWith('JID_')) return
  // The answer tells nothing that anybody could do something about: the failure of the arm is what is reported.
  await client.post(`${service}/Actions/DellJobService.DeleteJobQueue`, { JobID: id }, signal)
}

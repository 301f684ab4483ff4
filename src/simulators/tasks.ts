import { TASKS } from './paths.ts'
import type { Reply } from './reply.ts'
import type { BmcState } from './state.ts'

/** 202 with a task for what is done in the BMC's own time; it ends in `failure` when there is one. */
export function asTask(state: BmcState, failure: Reply | undefined): Reply {
  const path = newTask(state, { failure, atReset: undefined })
  const body = { '@odata.id': path, '@odata.type': '#Task.v1_4_3.Task', TaskState: 'New' }
  const location = state.profile.media.change === 'huawei-action' ? `${path}/Monitor` : path
  return { status: 202, headers: { Location: location }, body }
}

/** Dell: 202 with a job that waits for the next start, and does then what it is for. */
export function asScheduledJob(state: BmcState, atReset: () => void): Reply {
  return { status: 202, headers: { Location: newTask(state, { failure: undefined, atReset }) } }
}

/** What was scheduled for this start. */
export function runScheduledJobs({ tasks }: BmcState): void {
  for (const task of tasks.values()) {
    task.atReset?.()
    task.atReset = undefined
  }
}

/** Somebody's job that is in progress, or one that is scheduled. */
export function hasOpenJob({ tasks, faults }: BmcState): boolean {
  return faults.has('pending-job') || [...tasks.values()].some(({ atReset }) => atReset !== undefined)
}

export function deleteJob(id: string, { tasks }: BmcState): Reply {
  return { status: tasks.delete(`${TASKS}/${id}`) ? 200 : 400 }
}

function newTask(state: BmcState, task: { failure: Reply | undefined; atReset: (() => void) | undefined }): string {
  const path = `${TASKS}/${state.profile.manager.dell ? 'JID_' : ''}${state.tasks.size + 1}`
  state.tasks.set(path, { looks: 0, ...task })
  return path
}

import { TASKS } from './paths.ts'
import type { Reply } from './reply.ts'
import type { BmcState } from './state.ts'

/** 202 with a task for what is done in the BMC's own time; it ends in `failure` when there is one. */
export function asTask(state: BmcState, failure: Reply | undefined): Reply {
  const path = `${TASKS}/${state.profile.manager.dell ? 'JID_' : ''}${state.tasks.size + 1}`
  state.tasks.set(path, { looks: 0, failure })
  const body = { '@odata.id': path, '@odata.type': '#Task.v1_4_3.Task', TaskState: 'New' }
  return { status: 202, headers: { Location: path }, body }
}

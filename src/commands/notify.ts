import { RUN_DIRECTORY } from '../dispatcher/paths.ts'
import type { Command } from './command.ts'

export const notify: Command = {
  name: 'notify',
  summary: 'Report the outcome of this boot to the controller, exactly once; started by provision-*.service',
  positionals: ['success|failed'],
  options: { 'run-dir': { value: 'DIR', default: RUN_DIRECTORY, doc: 'Where the dispatcher wrote' } },
  examples: ['provisioner notify success', 'provisioner notify failed'],
  async run(invocation) {
    const { io, signal } = invocation
    const outcome = invocation.arg('success|failed') as 'success' | 'failed'
    const { NOTIFY_BACKOFF, notify: send } = await import('../dispatcher/notify.ts')
    const { notifyTools } = await import('../dispatcher/machine.ts')
    const tools = notifyTools(invocation.required('run-dir'), io.out)
    await send(outcome, { ...tools, monitorUnit: io.env['MONITOR_UNIT'], backoff: NOTIFY_BACKOFF }, signal)
    return 0
  },
}

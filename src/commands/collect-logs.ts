import { RUN_DIRECTORY } from '../dispatcher/paths.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { withTimeout } from '../shared/time.ts'
import type { Command } from './command.ts'

const LIMIT_MS = 120_000

export const collectLogs: Command = {
  name: 'collect-logs',
  summary: 'Send the journal of this boot and the state of its steps to the controller',
  positionals: [],
  options: {
    'run-dir': { value: 'DIR', default: RUN_DIRECTORY, doc: 'Where the dispatcher wrote' },
    print: { doc: 'Print them instead, without secrets' },
  },
  examples: ['provisioner collect-logs', 'provisioner collect-logs --print'],
  async run(invocation) {
    const { collectText, sendLogs } = await import('../dispatcher/logs.ts')
    const { notifyTools } = await import('../dispatcher/machine.ts')
    const { jobOf, loadTask } = await import('../dispatcher/task.ts')
    const { paths, programs, say } = notifyTools(invocation.required('run-dir'), invocation.io.out)
    const signal = withTimeout(invocation.signal, LIMIT_MS)
    const job = jobOf(await loadTask(paths.task))
    if (invocation.flag('print')) invocation.io.out(await collectText(paths, job, programs, signal))
    else say(`${formatBytes(await sendLogs(paths, job, programs, signal))} of logs sent`)
    return 0
  },
}

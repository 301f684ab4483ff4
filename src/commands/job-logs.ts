import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import { JSON_OPTION } from './answer.ts'
import type { Command } from './command.ts'
import { followJob } from './follow-job.ts'
import { countOption } from './option-values.ts'
import { printable } from './printable.ts'

/** `provisioner job logs` */
export const jobLogs: Command = {
  name: 'job logs',
  summary: 'Print the journal that the maintenance OS sent',
  positionals: ['ID'],
  options: {
    lines: { value: 'N', doc: 'Only so many of the last lines' },
    follow: { doc: 'Wait for the journal until the job is complete' },
    ...JSON_OPTION,
    ...CONTROLLER_OPTIONS,
  },
  examples: [
    'provisioner job logs 01KABCDEF0123456789ABCDEFG | less',
    'provisioner job logs --follow 01KABCDEF0123456789ABCDEFG',
  ],
  async run(invocation) {
    const { io, signal } = invocation
    const { json, follow } = { json: invocation.flag('json'), follow: invocation.flag('follow') }
    const hasLines = invocation.text('lines') !== undefined
    const surplus = json ? '--json' : '--lines'
    if (follow && (json || hasLines)) throw invocation.usage(`${surplus} and --follow exclude each other`)
    const lines = hasLines ? `?lines=${countOption(invocation, 'lines', 99_999)}` : ''
    const path = `/jobs/${encodeURIComponent(invocation.arg('ID'))}/logs${lines}`
    const controller = await openController(invocation)
    if (json) {
      const { logs } = await controller.get<{ logs: unknown[] }>(path, { accept: 'application/json' })
      io.out(`${JSON.stringify(logs)}\n`)
      return 0
    }
    if (!follow) {
      io.out(printable(await controller.text(path)))
      return 0
    }
    let [printed, seen] = ['', '']
    const onAway = () => io.err('the controller does not answer, trying on\n')
    // It is sent when the task has ended, and perhaps more than once: each time what is new is printed.
    for await (const change of followJob(invocation.arg('ID'), controller, onAway, signal)) {
      if ('event' in change || (change.job.status === 'provisioning' && printed === '')) continue
      // Where there is no stream the job comes each second, and the journal is long.
      const state = `${change.job.status} ${change.job.last_update}`
      if (state === seen) continue
      seen = state
      const text = await controller.text(path)
      io.out(printable(text.startsWith(printed) ? text.slice(printed.length) : text))
      printed = text
    }
    return 0
  },
}

import { RUN_DIRECTORY } from '../dispatcher/paths.ts'
import type { Command } from './command.ts'

/** The exit codes are those of docs/contracts.md section 5. */
export const dispatchCommand: Command = {
  name: 'dispatch',
  summary: 'Find the task medium, check it, prepare its steps and start its target',
  positionals: [],
  options: {
    'run-dir': { value: 'DIR', default: RUN_DIRECTORY, doc: 'Where the inputs of the steps are written' },
    medium: { value: 'PATH', doc: 'A task ISO or device to read instead of looking for one' },
    'no-start': { doc: 'Write everything and start nothing; needs no root rights' },
    serial: { value: 'SERIAL', doc: 'With --no-start: the serial number the medium must be for' },
  },
  examples: ['provisioner dispatch', 'provisioner dispatch --medium task.iso --no-start --run-dir /tmp/task'],
  async run(invocation) {
    const { dispatch } = await import('../dispatcher/dispatch.ts')
    const { dispatchDeps } = await import('../dispatcher/machine.ts')
    const options = {
      runDirectory: invocation.required('run-dir'),
      medium: invocation.text('medium'),
      start: !invocation.flag('no-start'),
      serial: invocation.text('serial'),
    }
    return dispatch(options, dispatchDeps(invocation.io.out), invocation.signal)
  },
}

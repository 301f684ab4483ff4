import { RUN_DIRECTORY } from '../dispatcher/paths.ts'
import type { Command } from './command.ts'

export const step: Command = {
  name: 'step',
  summary: 'Run one provisioning step on what the dispatcher has prepared; erases disks when the step does',
  positionals: ['NAME'],
  options: { 'run-dir': { value: 'DIR', default: RUN_DIRECTORY, doc: 'Where the dispatcher wrote' } },
  examples: ['provisioner step partition', 'provisioner step image-linux'],
  async run(invocation) {
    const { runNamedStep } = await import('../dispatcher/run-step.ts')
    const { io, signal } = invocation
    await runNamedStep(invocation.arg('NAME'), invocation.required('run-dir'), io.out, signal)
    return 0
  },
}

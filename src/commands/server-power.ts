import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command } from './command.ts'
import { printable } from './printable.ts'

/** The controller itself gives a BMC 120 s. */
const ANSWER_MS = 150_000

/** `provisioner server power`: by hand, while no job owns the server. */
export const power: Command = {
  name: 'server power',
  summary: 'Show the power state of a server, or switch it',
  positionals: ['SERIAL', 'on|off|status'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner server power SN123 status', 'provisioner server power SN123 off'],
  async run(invocation) {
    const wanted = invocation.arg('on|off|status')
    const controller = await openController(invocation, ANSWER_MS)
    const path = `/servers/${encodeURIComponent(invocation.arg('SERIAL'))}/power`
    const state =
      wanted === 'status'
        ? await controller.get<{ power: string }>(path)
        : await controller.post<{ power: string }>(path, { power: wanted })
    answer(invocation, state, () => `${printable(state.power)}\n`)
    return 0
  },
}

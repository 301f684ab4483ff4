import { stat } from 'node:fs/promises'
import { dataPaths, SERVE_OPTIONS } from '../config.ts'
import { AppError } from '../shared/errors.ts'
import type { Command, CommandGroup } from './command.ts'

/** `provisioner keys rotate`: another key for the passwords of BMCs. */
const rotate: Command = {
  name: 'keys rotate',
  summary: 'Give a stopped controller a new master key, and seal every BMC password with it',
  positionals: [],
  options: { data: { ...SERVE_OPTIONS.data, twin: false, doc: 'Data directory of the controller' } },
  examples: ['provisioner keys rotate --data /var/lib/provisioner'],
  async run(invocation) {
    const dir = invocation.required('data')
    await stat(dataPaths(dir).database).catch((cause: unknown) => {
      throw new AppError('config-invalid', `Cannot find the data of a controller in "${dir}"`, { cause })
    })
    const { rotateMasterKey } = await import('../server/rotate-key.ts')
    await rotateMasterKey(dir)
    invocation.io.out(`New master key in ${dataPaths(dir).keys}; keep it in your next backup\n`)
    return 0
  },
}

export const keys: CommandGroup = {
  name: 'keys',
  commands: [rotate],
}

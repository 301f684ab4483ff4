import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { ServerView } from '../server/routes/views.ts'
import { AppError } from '../shared/errors.ts'
import type { Command } from './command.ts'
import { readPassword } from './server-fields.ts'

/** `provisioner server set` */
export const set: Command = {
  name: 'server set',
  summary: 'Change a server that has no active job; what is not named stays',
  positionals: ['SERIAL'],
  options: {
    bmc: { value: 'URL', twin: false, doc: 'New address of the BMC; needs --password-file too' },
    username: { value: 'NAME', twin: false, doc: 'Account on the BMC' },
    'password-file': { value: 'FILE', twin: false, doc: 'File with the password; it is stored encrypted' },
    'verify-tls': { value: 'yes|no', twin: false, doc: "Whether a trusted CA must have signed the BMC's certificate" },
    uuid: { value: 'UUID', twin: false, doc: 'System UUID' },
    vendor: { value: 'NAME', twin: false, doc: 'Vendor, when the BMC does not tell' },
    json: { doc: 'Print the answer as JSON' },
    ...CONTROLLER_OPTIONS,
  },
  examples: ['provisioner server set SN123 --password-file new.password', 'provisioner server set SN123 --vendor dell'],
  async run(invocation) {
    const verify = invocation.text('verify-tls')
    if (verify !== undefined && !['yes', 'no'].includes(verify))
      throw new AppError('usage', `Cannot run "provisioner server set": --verify-tls is yes or no, not "${verify}"`)
    const file = invocation.text('password-file')
    const change = {
      bmc_url: invocation.text('bmc'),
      bmc_username: invocation.text('username'),
      bmc_password: file === undefined ? undefined : await readPassword(file),
      verify_tls: verify === undefined ? undefined : verify === 'yes',
      uuid: invocation.text('uuid'),
      vendor: invocation.text('vendor'),
    }
    if (Object.values(change).every((value) => value === undefined))
      throw new AppError('usage', 'Cannot run "provisioner server set": nothing to change was named')
    const controller = await openController(invocation)
    const server = await controller.patch<ServerView>(
      `/servers/${encodeURIComponent(invocation.arg('SERIAL'))}`,
      change,
    )
    invocation.io.out(invocation.flag('json') ? `${JSON.stringify(server)}\n` : `${server.serial} changed\n`)
    return 0
  },
}

import { existsSync } from 'node:fs'
import { isSea } from 'node:sea'
import { SERVE_OPTIONS } from '../config.ts'
import { apply } from '../install/apply.ts'
import { configText } from '../install/config-text.ts'
import type { InstallPaths } from '../install/paths.ts'
import { installPaths, SERVICE } from '../install/paths.ts'
import type { Action, Present } from '../install/plan.ts'
import { describe, planInstall, planUninstall } from '../install/plan.ts'
import { AppError } from '../shared/errors.ts'
import { programs } from '../shared/exec.ts'
import { parseListen } from '../shared/listen-address.ts'
import { cannot } from '../shared/system-error.ts'
import type { Command, Invocation } from './command.ts'
import { readSettings } from './config-file.ts'
import { remainsOf, textOf } from './install-remains.ts'

const PREFIX = { value: 'DIR', default: '/usr/local', doc: 'The executable goes to DIR/bin' } as const
const DRY_RUN = { doc: 'Only tell what would be done' } as const

/** `provisioner install`: the controller as a service of this host; again with a newer file it upgrades. */
export const install: Command = {
  name: 'install',
  summary: 'Install the controller as a systemd service on this host, or upgrade it',
  positionals: [],
  options: { prefix: PREFIX, 'no-start': { doc: 'Enable the service, but do not start it' }, 'dry-run': DRY_RUN },
  examples: ['provisioner install --dry-run', 'provisioner install'],
  async run(invocation) {
    const paths = installPaths('/', invocation.required('prefix'))
    const dryRun = invocation.flag('dry-run')
    if (!dryRun) checkHost()
    const template = configText(SERVE_OPTIONS)
    const present = await lookAtHost(paths, invocation)
    const settings = present.config === undefined ? undefined : await readSettings(paths.config, SERVE_OPTIONS, 'serve')
    const address = (name: 'listen' | 'media-listen', text: string) => {
      const parsed = parseListen(text)
      if (parsed !== undefined) return parsed
      throw new AppError('config-invalid', `Cannot use "${paths.config}": ${name} "${text}" is not ADDR:PORT`)
    }
    const setting = (name: 'listen' | 'media-listen') => settings?.values.get(name)?.text
    const media = setting('media-listen')
    const listen = address('listen', setting('listen') ?? SERVE_OPTIONS.listen.default)
    const mediaListen = media === undefined ? undefined : address('media-listen', media)
    const start = !invocation.flag('no-start')
    await perform(planInstall({ paths, present, template, listen, mediaListen, start }), invocation)
    // Of an upgrade the accounts are older than this.
    const token = present.config === undefined ? ` First admin token: ${paths.data}/admin-token` : ''
    if (!dryRun) invocation.io.err(`Installed.${token}\n`)
    return 0
  },
}

/** `provisioner uninstall`. */
export const uninstall: Command = {
  name: 'uninstall',
  summary: 'Take the service off this host; data and configuration stay',
  positionals: [],
  options: {
    prefix: { ...PREFIX, twin: false },
    purge: { twin: false, doc: 'Remove database, keys, registry and configuration too, for good' },
    'dry-run': DRY_RUN,
  },
  examples: ['provisioner uninstall --dry-run', 'provisioner uninstall'],
  async run(invocation) {
    if (!invocation.flag('dry-run')) checkHost()
    const paths = installPaths('/', invocation.required('prefix'))
    const remains = await remainsOf(paths)
    if (remains === undefined)
      throw new AppError('config-invalid', 'Cannot uninstall: nothing of an installation is there')
    await perform(planUninstall(paths, invocation.flag('purge'), remains), invocation)
    return 0
  },
}

/** @throws `not-root`, `config-invalid` */
function checkHost(): void {
  if (process.getuid?.() !== 0) throw new AppError('not-root', 'Cannot change services: root rights are needed (sudo)')
  // sd_booted(3)
  if (!existsSync('/run/systemd/system'))
    throw new AppError('config-invalid', 'Cannot change services: this host was not booted with systemd')
  if (!isSea())
    throw new AppError('config-invalid', 'Cannot install: this is no executable, the sources run (npm run build)')
}

async function lookAtHost(paths: InstallPaths, { signal }: Invocation): Promise<Present> {
  return {
    config: await textOf(paths.config),
    shipped: await textOf(paths.shipped),
    socketText: await textOf(paths.socket),
    serviceActive: await programs(() => undefined)
      .run({ argv: ['systemctl', 'is-active', '--quiet', SERVICE] }, signal)
      .then(
        () => true,
        () => false,
      ),
  }
}

async function perform(actions: readonly Action[], { io, signal, flag }: Invocation): Promise<void> {
  const said = programs((line) => io.err(`  ${line}\n`))
  for (const action of actions) {
    io.out(`${describe(action)}\n`)
    if (flag('dry-run')) continue
    const done =
      action.kind === 'remove-data'
        ? (await import('../server/remove-data.ts')).removeData(action.path)
        : apply(action, said, process.execPath, signal)
    await done.catch(cannot('program-failed', describe(action)))
  }
}

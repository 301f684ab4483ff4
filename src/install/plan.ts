import type { ListenAddress } from '../shared/listen-address.ts'
import type { InstallPaths } from './paths.ts'
import { SERVICE, SOCKET, USER } from './paths.ts'
import { serviceUnit, socketUnit, USERS_TEXT } from './units.ts'

/** One thing to do on this host. Each can be done again. */
export type Action =
  | { readonly kind: 'run'; readonly argv: readonly [string, ...string[]] }
  | {
      readonly kind: 'write'
      readonly path: string
      readonly text: string
      readonly mode: number
      readonly group?: string
    }
  /** The running executable becomes `path`, atomically; a different one there is kept as `previous`. */
  | { readonly kind: 'install-binary'; readonly path: string; readonly previous: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'remove-data'; readonly path: string }
  /** Nothing is done; a person should know. */
  | { readonly kind: 'tell'; readonly text: string }

/** What is on the host now. */
export interface Present {
  /** The configuration file and the one shipped with the installed version; undefined when there is none. */
  readonly config: string | undefined
  readonly shipped: string | undefined
  readonly socketText: string | undefined
  readonly serviceActive: boolean
}

export interface InstallWish {
  readonly paths: InstallPaths
  readonly present: Present
  /** The configuration as this version ships it. */
  readonly template: string
  readonly listen: ListenAddress
  /** For media by plain HTTP. */
  readonly mediaListen: ListenAddress | undefined
  readonly start: boolean
}

/** What installing means on this host. Pure. */
export function planInstall({ paths, present, template, listen, mediaListen, start }: InstallWish): Action[] {
  const socket = socketUnit(listen, mediaListen)
  return [
    { kind: 'write', path: paths.users, text: USERS_TEXT, mode: 0o644 },
    { kind: 'run', argv: ['systemd-sysusers', paths.users] },
    { kind: 'install-binary', path: paths.binary, previous: paths.previous },
    ...configActions(paths, present, template),
    { kind: 'write', path: paths.socket, text: socket, mode: 0o644 },
    { kind: 'write', path: paths.service, text: serviceUnit(paths), mode: 0o644 },
    { kind: 'run', argv: ['systemctl', 'daemon-reload'] },
    { kind: 'run', argv: ['systemctl', 'enable', '--quiet', SOCKET, SERVICE] },
    ...(start ? startActions(present, socket) : []),
  ]
}

/** An edited configuration is the operator's: it stays, and what the new version would ship lies beside it. */
function configActions(paths: InstallPaths, { config, shipped }: Present, template: string): Action[] {
  const write = (path: string): Action => ({ kind: 'write', path, text: template, mode: 0o640, group: USER })
  if (config === undefined || config === shipped || config === template)
    return [write(paths.shipped), write(paths.config)]
  const kept = `${paths.config} was edited and stays`
  if (shipped === template) return [{ kind: 'tell', text: kept }]
  return [
    write(paths.shipped),
    { kind: 'tell', text: `${kept}; what this version ships: diff ${paths.config} ${paths.shipped}` },
  ]
}

/** Only a changed address closes the socket; a restart of the service alone refuses nobody. */
function startActions({ socketText, serviceActive }: Present, socket: string): Action[] {
  if (socketText === socket) {
    return [
      { kind: 'run', argv: ['systemctl', 'start', SOCKET] },
      { kind: 'run', argv: ['systemctl', 'restart', SERVICE] },
    ]
  }
  return [
    ...(serviceActive ? [{ kind: 'run', argv: ['systemctl', 'stop', SERVICE] } as const] : []),
    { kind: 'run', argv: ['systemctl', 'restart', SOCKET] },
    { kind: 'run', argv: ['systemctl', 'start', SERVICE] },
  ]
}

/** What of an installation is on the host: after an interrupted uninstallation it is not everything. */
export interface Remains {
  readonly units: readonly string[]
  readonly user: boolean
  /** It may name a data directory that nobody would find without it. */
  readonly unreadableConfig: boolean
  /** Directories with data that are not removed: where a link leads, and where the configuration says. */
  readonly stays: readonly string[]
}

/** What uninstalling means. Data and configuration are removed only by `purge`, and no data that is in use. Pure. */
export function planUninstall(paths: InstallPaths, purge: boolean, remains: Remains): Action[] {
  const remove = (...list: readonly string[]): Action[] => list.map((path) => ({ kind: 'remove', path }))
  const { units, user, unreadableConfig, stays } = remains
  const config = unreadableConfig
    ? [tell(`${paths.config} cannot be understood and stays, as does a data directory elsewhere that it may name`)]
    : remove(paths.config, paths.configDir)
  return [
    ...(units.length === 0 ? [] : [run('systemctl', 'disable', '--now', '--quiet', ...units)]),
    ...(purge ? [{ kind: 'remove-data', path: paths.data } as const] : []),
    ...remove(paths.service, paths.socket, paths.shipped, paths.previous, paths.binary),
    run('systemctl', 'daemon-reload'),
    ...(purge ? [...config, ...remove(paths.users)] : []),
    ...(purge && user ? [run('userdel', USER)] : []),
    ...(purge ? [] : [tell(`${paths.config} and ${paths.data} stay; --purge removes them`)]),
    ...stays.map((path) => tell(`${path} stays, with its keys: it is not ${paths.data}`)),
  ]
}

function run(...argv: [string, ...string[]]): Action {
  return { kind: 'run', argv }
}

function tell(text: string): Action {
  return { kind: 'tell', text }
}

/** One line a person reads before it is done. */
export function describe(action: Action): string {
  switch (action.kind) {
    case 'run':
      return `run ${action.argv.join(' ')}`
    case 'write':
      return `write ${action.path}`
    case 'install-binary':
      return `install this executable as ${action.path}`
    case 'remove':
    case 'remove-data':
      return `remove ${action.path}`
    case 'tell':
      return action.text
  }
}

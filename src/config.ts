import { join } from 'node:path'
import type { Invocation, OptionSpec } from './commands/command.ts'
import type { Problem } from './shared/errors.ts'
import { AppError } from './shared/errors.ts'
import { inheritedSockets } from './shared/inherited-sockets.ts'
import type { ListenAddress } from './shared/listen-address.ts'
import { isSameSocket, parseListen } from './shared/listen-address.ts'

/** The option of whatever runs for long. */
export const LOG_LEVEL = {
  value: 'LEVEL',
  values: ['debug', 'info', 'warn', 'error'],
  default: 'info',
  doc: 'The least that is logged',
} as const

/** Every option of `provisioner serve`: its help, its environment twin and docs/configuration.md come from this table. */
export const SERVE_OPTIONS = {
  config: { value: 'FILE', doc: 'YAML file with these options by name; what is given here or in the environment wins' },
  check: { doc: 'Only check the configuration and print it, with where each value comes from' },
  listen: { value: 'ADDR:PORT', default: '127.0.0.1:8443', doc: 'Address and port to serve on' },
  data: { value: 'DIR', default: '/var/lib/provisioner', doc: 'Database, keys, certificates and blobs' },
  'public-url': { value: 'URL', doc: 'How the maintenance OS reaches this controller (from --listen)' },
  'media-url': { value: 'URL', doc: 'How BMCs reach this controller (from --public-url)' },
  'media-listen': { value: 'ADDR:PORT', doc: 'Serve media there by plain HTTP too, for BMCs that take no HTTPS' },
  'maintenance-iso': { value: 'FILE', doc: 'The maintenance image to boot servers from' },
  'admin-token-file': { value: 'FILE', doc: 'Write the first admin token there instead of showing it' },
  'registry-policy': { value: 'FILE', doc: 'Rights, quotas and limits of the embedded registry' },
  workers: { value: 'N', default: '128', doc: 'BMCs talked to at the same time' },
  budgets: { value: 'LIST', doc: 'Minutes that parts of a job may take: webhook=180,cleanup=20' },
  'keep-jobs': { value: 'DAYS', default: '365', doc: 'Keep jobs so long after their end; 0 keeps them for ever' },
  'allow-loopback-bmc': { doc: 'Take BMCs on this host too, for a lab; else they are refused' },
  'log-level': LOG_LEVEL,
  'metrics-open': { doc: 'Let everybody read /metrics; else a token is needed' },
  'tls-cert': { value: 'FILE', doc: 'Certificate to serve with, PEM, with its chain (else one of an own CA)' },
  'tls-key': { value: 'FILE', doc: 'Its private key, PEM' },
  'tls-ca': { value: 'FILE', doc: 'What clients must trust, when no public CA signed --tls-cert' },
  'no-tls': { doc: 'Serve plain HTTP' },
} as const satisfies Readonly<Record<string, OptionSpec>>

/** The parts of a job that have their time (docs/contracts.md section 2). */
export const BUDGET_NAMES = ['mount', 'reset', 'webhook', 'firmware', 'cleanup', 'silence'] as const
export type BudgetName = (typeof BUDGET_NAMES)[number]

export interface ServeConfig extends ListenAddress {
  /** A socket that a service manager has opened there. */
  readonly listenFd: number | undefined
  /** Where media are served by plain HTTP, and nothing else. */
  readonly mediaListen: ListenAddress | undefined
  /** The service manager's socket for it. */
  readonly mediaListenFd: number | undefined
  readonly dataDir: string
  /** Undefined: made of `host` and `port`, whatever a socket or port 0 came to be. */
  readonly publicUrl: string | undefined
  readonly mediaUrl: string | undefined
  readonly maintenanceIso: string | undefined
  readonly adminTokenFile: string | undefined
  readonly registryPolicy: string | undefined
  readonly allowLoopbackBmc: boolean
  readonly workers: number
  /** Minutes, by the name of a part; what is not named keeps its own. */
  readonly budgets: Readonly<Partial<Record<BudgetName, number>>>
  /** Days; 0 for ever. */
  readonly keepJobs: number
  readonly logLevel: string
  readonly metricsOpen: boolean
  readonly tls: boolean
  /** The operator's own certificate. */
  readonly tlsFiles: { readonly cert: string; readonly key: string; readonly ca: string | undefined } | undefined
}

/** Reads and checks everything before anything starts. @throws `config-invalid` with every problem */
export function readServeConfig(invocation: Invocation): ServeConfig {
  const problems: Problem[] = []
  const wrong = (name: string, message: string) => {
    problems.push({ path: invocation.origin(name), code: 'setting', message })
  }
  const address = (name: 'listen' | 'media-listen') => {
    const text = invocation.text(name)
    const parsed = text === undefined ? undefined : parseListen(text)
    if (text !== undefined && parsed === undefined) wrong(name, `"${text}" is not ADDR:PORT`)
    return parsed
  }
  const [listen, mediaListen] = [address('listen'), address('media-listen')]
  if (mediaListen !== undefined && listen !== undefined && isSameSocket(mediaListen, listen))
    wrong('media-listen', `port ${listen.port} is that of --listen: another one is needed`)
  const [listenFd, mediaListenFd] = inheritedSockets(invocation.io.env)
  const url = (name: 'public-url' | 'media-url') => {
    const text = invocation.text(name)?.replace(/\/+$/, '')
    if (text !== undefined && !isBareUrl(text)) wrong(name, `"${text}" is not http(s)://HOST:PORT`)
    return text
  }
  const workers = Number(invocation.required('workers'))
  if (!Number.isSafeInteger(workers) || workers < 1) wrong('workers', 'a whole number above 0 is expected')
  const budgets = parseBudgets(invocation.text('budgets') ?? '')
  if (budgets === undefined) wrong('budgets', `NAME=MINUTES,… is expected, of ${BUDGET_NAMES.join(', ')}`)
  const keepJobs = invocation.required('keep-jobs')
  if (!/^[0-9]{1,5}$/.test(keepJobs)) wrong('keep-jobs', 'a whole number of days is expected, or 0')
  const config = {
    host: listen?.host ?? '',
    port: listen?.port ?? 0,
    listenFd,
    mediaListen,
    mediaListenFd,
    dataDir: invocation.required('data'),
    publicUrl: url('public-url'),
    mediaUrl: url('media-url'),
    maintenanceIso: invocation.text('maintenance-iso'),
    adminTokenFile: invocation.text('admin-token-file'),
    registryPolicy: invocation.text('registry-policy'),
    allowLoopbackBmc: invocation.flag('allow-loopback-bmc'),
    workers,
    budgets: budgets ?? {},
    keepJobs: Number(keepJobs),
    logLevel: invocation.required('log-level'),
    metricsOpen: invocation.flag('metrics-open'),
    tls: !invocation.flag('no-tls'),
    tlsFiles: tlsFilesOf(invocation, wrong),
  }
  if (problems.length > 0) throw new AppError('config-invalid', 'Cannot use the configuration', { problems })
  return config
}

function tlsFilesOf(
  { text, flag }: Invocation,
  wrong: (name: string, message: string) => void,
): ServeConfig['tlsFiles'] {
  const [cert, key, ca] = [text('tls-cert'), text('tls-key'), text('tls-ca')]
  const given = [cert, key, ca].filter((file) => file !== undefined)
  if (given.length === 0) return undefined
  if (flag('no-tls')) wrong('no-tls', 'it excludes --tls-cert, --tls-key and --tls-ca')
  if (cert !== undefined && key !== undefined) return { cert, key, ca }
  wrong(cert === undefined ? 'tls-cert' : 'tls-key', '--tls-cert and --tls-key belong together')
  return undefined
}

/** `webhook=180,cleanup=20`; undefined when it is not that. */
export function parseBudgets(text: string): ServeConfig['budgets'] | undefined {
  const parts = text.split(',').filter((part) => part.trim() !== '')
  const found = parts.map((part) => /^\s*([a-z]+)=([1-9][0-9]{0,4})\s*$/.exec(part))
  const names: readonly string[] = BUDGET_NAMES
  if (!found.every((match) => match !== null && names.includes(match[1] ?? ''))) return undefined
  return Object.fromEntries(found.map((match) => [match?.[1], Number(match?.[2])]))
}

/** Everything the controller keeps, below its data directory. */
export function dataPaths(dir: string) {
  return {
    lock: join(dir, 'lock'),
    database: join(dir, 'controller.db'),
    keys: join(dir, 'keys'),
    tls: join(dir, 'tls'),
    registry: join(dir, 'registry'),
  }
}

function isBareUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === ''
}

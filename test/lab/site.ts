import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectController } from '../../src/client/controller.ts'
import type { EventView, JobView } from '../../src/server/routes/views.ts'
import type { NetworkPlan } from '../../src/shared/task/job-file.ts'
import { sleep } from '../../src/shared/time.ts'
import { executable } from '../build/executable.ts'
import { type BmcOptions, type RunningBmc, startBmc } from './bmc/bmc.ts'
import { type LabController, labTrust, startLabController } from './controller.ts'
import { diskImage } from './disk-image.ts'
import { type MaintenanceParts, maintenanceIso, toolsArchive } from './maintenance.ts'
import { osImage } from './os-image.ts'
import { inTools } from './programs.ts'
import { createVm, type Vm, type VmOptions } from './qemu/vm.ts'

const SERIAL = 'LAB-0001'
const UUID = '6c1d2b9e-5f0a-4b53-9d36-1f1f7f6f0001'
const BMC_LOGIN = { username: 'operator', password: 'lab-only' }
const DISK_BYTES = 4 * 1024 ** 3

/** A site in small: a controller, and one virtual server behind a virtual BMC. */
export interface Site {
  readonly controller: LabController
  readonly bmc: RunningBmc
  readonly vm: Vm
  /** Pushes the installable Debian into the controller's registry with oras, and gives its `oci://` reference. */
  pushOsImage(): Promise<string>
  /** The same Debian as a whole-disk image. */
  pushDiskImage(): Promise<string>
  /** @returns the job's id */
  createJob(recipe: object): Promise<string>
  job(id: string): Promise<JobView & { readonly events: readonly EventView[] }>
  /** Waits until the job fulfils the condition. */
  until(
    id: string,
    condition: (job: JobView) => boolean,
    timeoutMs: number,
  ): Promise<JobView & { readonly events: readonly EventView[] }>
  close(): Promise<void>
}

export interface SiteOptions
  extends Pick<BmcOptions, 'slots'>,
    Pick<VmOptions, 'drives' | 'card'>,
    Pick<MaintenanceParts, 'change'> {
  /** The server's static plan. */
  readonly network?: NetworkPlan
  /** False: the steps' image is pulled from the controller, which is given it. */
  readonly embedTools?: boolean
}

/** Builds what is missing and starts everything below `directory`; `say` is told what takes time. */
export async function startSite(
  directory: string,
  say: (line: string) => void,
  { drives, card, network, embedTools, change, ...options }: SiteOptions = {},
): Promise<Site> {
  await mkdir(directory, { recursive: true })
  say('executable')
  const program = await executable()
  say('maintenance image')
  const trustKey = Buffer.from((await labTrust()).publicPem)
  const iso = await maintenanceIso({
    executable: program,
    trustKey,
    embedTools: embedTools !== false,
    ...(change && { change }),
  })
  say('controller, virtual server, virtual BMC')
  const controller = await startLabController(program, iso, directory)
  const vm = await createVm({
    serial: SERIAL,
    uuid: UUID,
    diskPath: join(directory, 'disk.raw'),
    diskSize: DISK_BYTES,
    workDir: join(directory, 'vm'),
    logPath: join(directory, 'console.log'),
    ...(drives && { drives }),
    ...(card !== undefined && { card }),
  })
  const bmc = await startBmc({ machine: vm, serial: SERIAL, uuid: UUID, ...BMC_LOGIN, ...options })
  await addServer(controller, bmc, directory)
  if (network !== undefined) await setNetwork(controller, network)
  if (embedTools === false) await pushTools(controller, directory)
  const site = { controller, bmc, vm }
  return {
    ...site,
    pushOsImage: async () => push(controller, await osImage(), 'os/debian:13', OS_IMAGE),
    pushDiskImage: async () => push(controller, await diskImage(), 'disks/debian:13', DISK_IMAGE),
    createJob: (recipe) => createJob(controller, recipe, directory),
    job: (id) => showJob(controller, id),
    until: (id, condition, timeoutMs) => until(site, id, condition, timeoutMs),
    async close() {
      await vm.close()
      await bmc.close()
      await controller.close()
    },
  }
}

/** The recipe of the lab's story: Debian on the one disk, a hostname by cloud-init. */
export function linuxRecipe(ociUrl: string, change: object = {}): object {
  return {
    task_target: 'install-linux.target',
    target_disk: '/dev/vda',
    oci_url: ociUrl,
    partition_layout: [
      { size: '128MiB', format: 'vfat', mountpoint: '/boot/efi', label: 'ESP' },
      { size: '100%', format: 'ext4', mountpoint: '/', label: 'root' },
    ],
    kernel_arguments: ['console=ttyS0', 'quiet', 'mitigations=off'],
    user_data: '#cloud-config\nhostname: installed-by-recipe\n',
    ...change,
  }
}

async function must(controller: LabController, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await controller.run(args)
  if (code !== 0) throw new Error(`Cannot run "provisioner ${args.join(' ')}": it ended with ${code}\n${stderr}`)
  return stdout
}

async function addServer(controller: LabController, bmc: RunningBmc, directory: string): Promise<void> {
  const file = join(directory, 'bmc-password')
  await writeFile(file, `${BMC_LOGIN.password}\n`, { mode: 0o600 })
  const login = ['--username', BMC_LOGIN.username, '--password-file', file]
  await must(controller, ['server', 'add', SERIAL, '--bmc', bmc.url, ...login])
}

/** By the API: no command sets it. */
async function setNetwork({ url, token, caFile }: LabController, network: NetworkPlan): Promise<void> {
  const access = { controller: url, caPem: await readFile(caFile, 'utf8'), authorization: `Bearer ${token}` }
  await connectController(access, new AbortController().signal).patch(`/servers/${SERIAL}`, { network })
}

/** As docs/maintenance-os.md says. */
async function pushTools(controller: LabController, directory: string): Promise<void> {
  const [file, login] = [await toolsArchive(), join(directory, 'registry-password')]
  await writeFile(login, controller.token, { mode: 0o600 })
  const target = `oci://${new URL(controller.url).host}/provisioner-tools:1`
  const access = ['--ca', controller.caFile, '--to-username', 'lab', '--to-password-file', login]
  await must(controller, ['artifact', 'copy', ...access, `oci-archive:${file}`, target])
}

interface Pushed {
  readonly file: string
  readonly mediaType: string
  readonly artifactType: string
}

const OS_IMAGE: Pushed = {
  file: 'os.tar.zst',
  mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
  artifactType: 'application/vnd.unknown.artifact.v1',
}
const DISK_IMAGE: Pushed = {
  file: 'debian.raw.zst',
  mediaType: 'application/vnd.diskimage.layer.v1+zstd',
  artifactType: 'application/vnd.diskimage.raw',
}

async function push(controller: LabController, path: string, name: string, pushed: Pushed): Promise<string> {
  const { file, mediaType, artifactType } = pushed
  const host = new URL(controller.url).host
  const binds = [
    { host: path, inside: `/push/${file}`, readonly: true },
    { host: controller.caFile, inside: '/push/ca.pem', readonly: true },
  ]
  const login = ['--ca-file', 'ca.pem', '--username', 'lab', '--password-stdin']
  const argv = ['oras', 'push', ...login, '--artifact-type', artifactType, `${host}/${name}`, `${file}:${mediaType}`]
  const { code, stdout, stderr } = await inTools(argv, { binds, cwd: '/push', input: controller.token })
  if (code !== 0) throw new Error(`Cannot push with oras: ${stderr}${stdout}`)
  return `oci://${controller.registryHost}/${name}`
}

async function createJob(controller: LabController, recipe: object, directory: string): Promise<string> {
  const file = join(directory, 'recipe.json')
  await writeFile(file, JSON.stringify(recipe, null, 2))
  return (await must(controller, ['job', 'create', '--server', SERIAL, '--recipe', file])).trim()
}

async function showJob(controller: LabController, id: string) {
  return JSON.parse(await must(controller, ['job', 'show', '--json', id])) as JobView & { events: readonly EventView[] }
}

async function until(
  { controller, vm }: Pick<Site, 'controller' | 'vm'>,
  id: string,
  condition: (job: JobView) => boolean,
  timeoutMs: number,
) {
  const end = performance.now() + timeoutMs
  for (;;) {
    const job = await showJob(controller, id)
    if (condition(job)) return job
    if (job.status === 'complete' || performance.now() > end) {
      const tail = vm.consoleText().split('\n').slice(-40).join('\n')
      throw new Error(`the job is ${job.status}, ${job.phase}, ${job.failed_step}: ${job.message}\nconsole:\n${tail}`)
    }
    await sleep(500)
  }
}

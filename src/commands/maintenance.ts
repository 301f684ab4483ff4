import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isSea } from 'node:sea'
import type { LoaderChoice } from '../maintenance/boot-files.ts'
import { buildMedium } from '../maintenance/build.ts'
import { exportContext } from '../maintenance/export.ts'
import { openRoot } from '../maintenance/open-root.ts'
import type { FileSystem } from '../maintenance/root-file-system.ts'
import { requireMaker } from '../maintenance/root-file-system.ts'
import { withTools } from '../maintenance/tools-store.ts'
import { formatBytes } from '../shared/byte-size.ts'
import { AppError } from '../shared/errors.ts'
import { readTextFile } from '../shared/files.ts'
import { TASK_LABEL_PREFIX } from '../shared/task/job-file.ts'
import { TOOL_IMAGE } from '../shared/task/tool-image.ts'
import { REGISTRY_OPTIONS, registryClients } from './artifact-access.ts'
import type { Command, CommandGroup, Invocation } from './command.ts'

const exportCommand: Command = {
  name: 'maintenance export',
  summary: 'Write what the maintenance image is built of: Containerfiles, units, Quadlets, host files, this program',
  positionals: ['DIR'],
  options: {
    'task-key': {
      value: 'FILE',
      twin: false,
      doc: "The controller's keys/task.pub: the image boots no task that it has not signed",
    },
    ca: { value: 'FILE', twin: false, doc: 'PEM certificate of a CA that the whole system trusts' },
  },
  examples: [
    'provisioner maintenance export context && podman build -t maintenance context',
    'provisioner maintenance export context && podman build -t localhost/provisioner-tools:1 -f context/Containerfile.tools context',
    'provisioner maintenance export --task-key /var/lib/provisioner/keys/task.pub context',
  ],
  run: runExport,
}

const build: Command = {
  name: 'maintenance build',
  summary: 'Make a bootable maintenance ISO of a bootc or other Linux image: no root rights, no container engine',
  positionals: [],
  options: {
    from: {
      value: 'SOURCE',
      required: true,
      doc: 'DIR, oci-layout:DIR[:TAG], oci-archive:FILE[:TAG] or oci://HOST/NAME:TAG',
    },
    output: { value: 'FILE', required: true, twin: false, doc: 'ISO to write; it appears when it is complete' },
    'tools-image': { value: 'SOURCE', doc: 'Image of the steps, put into the medium so that nothing is pulled' },
    label: { value: 'LABEL', default: 'MAINTENANCE', doc: 'Volume id: 1 to 32 characters of A-Z, 0-9 and _' },
    filesystem: {
      value: 'TYPE',
      values: ['erofs', 'squashfs'] satisfies FileSystem[],
      default: 'erofs',
      doc: 'erofs is quick, squashfs small',
    },
    loader: {
      value: 'KIND',
      values: ['auto', 'uki', 'grub'] satisfies LoaderChoice[],
      default: 'auto',
      doc: "grub is the image's own, for Secure Boot; auto takes it if it is there",
    },
    append: { value: 'ARGUMENTS', default: 'console=tty0 console=ttyS0,115200', doc: 'Kernel arguments' },
    architecture: { value: 'NAME', default: 'amd64', doc: 'Which image of an index' },
    ...REGISTRY_OPTIONS,
  },
  examples: [
    'provisioner maintenance build --from oci://192.0.2.1:8443/os/maintenance:1 --output maintenance.iso',
    'podman save --format oci-archive -o m.tar maintenance && provisioner maintenance build --from oci-archive:m.tar --output m.iso',
  ],
  run: runBuild,
}

export const maintenance: CommandGroup = {
  name: 'maintenance',
  commands: [exportCommand, build],
}

async function runExport(invocation: Invocation): Promise<number> {
  if (!isSea()) {
    throw new AppError('usage', 'Cannot export the build context: run the executable (npm run build), not its sources')
  }
  const pem = async (name: string, begin: RegExp) => {
    const file = invocation.text(name)
    if (file === undefined) return undefined
    const content = await readTextFile(file)
    if (begin.test(content)) return Buffer.from(content)
    throw invocation.usage(`--${name} is a file that begins as such a PEM file does, not "${file}"`)
  }
  const trust = {
    taskKey: await pem('task-key', /^-----BEGIN PUBLIC KEY-----/),
    ca: await pem('ca', /^-----BEGIN CERTIFICATE-----/m),
  }
  const written = await exportContext(invocation.arg('DIR'), process.execPath, trust)
  invocation.io.err(`${invocation.arg('DIR')}: ${written.length} files\n`)
  return 0
}

async function runBuild(invocation: Invocation): Promise<number> {
  const { signal, io } = invocation
  const output = invocation.required('output')
  const fileSystem = invocation.required('filesystem') as FileSystem
  const loader = invocation.required('loader') as LoaderChoice
  const label = labelOf(invocation)
  const path = io.env['PATH'] ?? ''
  await requireMaker(fileSystem, path)
  const say = (line: string) => io.err(`${line}\n`)
  const clients = await registryClients(invocation)
  // What is fetched is as large as the output, and lies beside it.
  const fetched = await mkdtemp(join(dirname(resolve(output)), '.maintenance-fetch-')).catch((cause: unknown) => {
    throw new AppError('iso-plan', `Cannot write "${output}"`, { cause })
  })
  const open = (from: string, name: string) =>
    openRoot(
      from,
      {
        architecture: invocation.required('architecture'),
        work: join(fetched, name),
        repository: (reference) => clients.open(reference),
      },
      signal,
    )
  try {
    await using system = await open(invocation.required('from'), 'system')
    const toolsImage = invocation.text('tools-image')
    await using tools = toolsImage === undefined ? undefined : await open(toolsImage, 'tools')
    const image = tools === undefined ? system : await withTools(system, tools, TOOL_IMAGE, signal)
    const embedded = tools && TOOL_IMAGE
    const options = { output, label, fileSystem, loader, append: invocation.required('append'), embedded, path, say }
    const plan = await buildMedium(image, options, signal)
    say(`${output}: ${formatBytes(plan.size)}`)
    return 0
  } finally {
    clients.close()
    await rm(fetched, { recursive: true, force: true })
  }
}

function labelOf(invocation: Invocation): string {
  const label = invocation.required('label')
  if (!/^[A-Z0-9_]{1,32}$/.test(label))
    throw invocation.usage(`--label is 1 to 32 characters of A-Z, 0-9 and "_", not "${label}"`)
  // The dispatcher would take its own medium for the task.
  if (label.startsWith(TASK_LABEL_PREFIX))
    throw invocation.usage(`--label does not begin with ${TASK_LABEL_PREFIX}, as task media do: not "${label}"`)
  return label
}

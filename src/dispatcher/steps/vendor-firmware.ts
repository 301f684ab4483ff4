import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import type { FirmwareFile } from './firmware-file.ts'
import { fetchFirmware } from './firmware-file.ts'
import { hasImage, imageName, pullImage } from './podman.ts'
import type { Step, StepContext } from './step.ts'

/**
 * Memory that is large enough: the tmpfs of var-lib-containers.mount takes three quarters of it. Everything else that can be
 * written is the overlay of the live root, whose upper directory is in /run (dracut.cmdline(7), rd.live.overlay.overlayfs): a fifth.
 */
const DIRECTORY = '/var/lib/containers/provision-firmware'
/** Of the hour that its unit has, the rest is the tool's: it must not be ended because a download was slow. */
const PREPARATION_MS = 20 * 60_000
/** Where the vendor's tool finds the file. */
const INSIDE = '/firmware'
/** In the arguments of the recipe, it stands for the file's path. */
const PLACE = '{file}'
const KEPT_LINES = 100

/**
 * Downloads firmware, checks it, and runs the vendor's tool of the recipe on it. On the host, because the tool comes in a
 * container of its own. It is done when the tool has run and ended with 0, and never without a tool.
 */
export const vendorFirmware: Step = {
  name: 'vendor-firmware',
  prefix: 'firmware',
  async run(context) {
    const { recipe, programs, progress, say } = context
    const { firmware_url: url, firmware_tool: tool } = recipe
    if (url === undefined || tool === undefined) {
      throw new AppError('step-failed', 'Cannot update firmware: the recipe names no file or no tool for it')
    }
    const file = await beforeTheTool(context, PREPARATION_MS, async (limited) => {
      const fetched = await fetchInto(DIRECTORY, limited)
      await bringTool(tool.image, limited)
      return fetched
    })
    const command = planTool(imageName(tool.image), tool.arguments ?? [], DIRECTORY, file.name)
    say(`running ${command.argv.slice(command.argv.indexOf(imageName(tool.image))).join(' ')}`)
    progress.message(`running ${tool.image}`)
    const output: string[] = []
    await programs.run(command, context.signal, (line) => {
      output.push(line)
      if (output.length > KEPT_LINES) output.shift()
    })
    return { firmware_url: url, ...file, tool: tool.image, arguments: tool.arguments ?? [], output }
  },
}

/** What comes before the tool, within a limit of its own. @throws `step-failed` when that is over */
export async function beforeTheTool<T>(
  context: StepContext,
  ms: number,
  prepare: (limited: StepContext) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(ms)
  try {
    return await prepare({ ...context, signal: AbortSignal.any([context.signal, limit]) })
  } catch (cause) {
    if (context.signal.aborted || !limit.aborted) throw cause
    const state = `file and tool have not arrived within ${ms / 60_000} min, and the tool was not started`
    throw new AppError('step-failed', `Cannot update firmware: ${state}`, { cause })
  }
}

/** A medium may bring it, and a step that is repeated has it: neither needs a registry. */
async function bringTool(url: string, context: StepContext): Promise<void> {
  const name = imageName(url)
  if (await hasImage(name, context)) return context.say(`${name} is here already: nothing is pulled`)
  context.progress.message(`pulling ${name}`)
  await pullImage(url, context)
}

async function fetchInto(directory: string, context: StepContext): Promise<FirmwareFile> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = await fetchFirmware(join(directory, 'download'), context)
  await rename(join(directory, 'download'), join(directory, file.name))
  context.say(`${file.name}, ${formatBytes(file.bytes)}, sha256 ${file.sha256}: as the recipe demands`)
  return file
}

/**
 * podman-run(1): in the cgroup of this unit, so that its time limit ends the tool too; the file can be read and not
 * changed. What a tool must reach (/dev/mem, IPMI, PCI) no list would name for all vendors.
 */
export function planTool(image: string, args: readonly string[], directory: string, name: string): Command {
  return {
    argv: [
      ...(['podman', 'run', '--rm', '--replace', '--name=vendor-firmware', '--pull=never'] as const),
      ...['--cgroups=split', '--privileged', '--network=host', '--log-driver=none'],
      ...['--volume', '/dev:/dev', '--volume', `${directory}:${INSIDE}:ro`],
      image,
      ...args.map((argument) => argument.replaceAll(PLACE, `${INSIDE}/${name}`)),
    ],
  }
}

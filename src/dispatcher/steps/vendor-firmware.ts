import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import type { Command } from '../exec.ts'
import { fetchFirmware } from './firmware-file.ts'
import { imageName, pullImage } from './podman.ts'
import type { Step } from './step.ts'

/** In the memory of the live system, not in /run: that is a fifth of it at most. */
const DIRECTORY = '/var/tmp/provision-firmware'
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
    const { recipe, programs, progress, say, signal } = context
    const { firmware_url: url, firmware_tool: tool } = recipe
    if (url === undefined || tool === undefined) {
      throw new AppError('step-failed', 'Cannot update firmware: the recipe names no file or no tool for it')
    }
    await rm(DIRECTORY, { recursive: true, force: true })
    await mkdir(DIRECTORY, { recursive: true, mode: 0o700 })
    const file = await fetchFirmware(join(DIRECTORY, 'download'), context)
    await rename(join(DIRECTORY, 'download'), join(DIRECTORY, file.name))
    say(`${file.name}, ${formatBytes(file.bytes)}, sha256 ${file.sha256}: as the recipe demands`)

    await pullImage(tool.image, context)
    const command = planTool(imageName(tool.image), tool.arguments ?? [], DIRECTORY, file.name)
    say(`running ${command.argv.slice(command.argv.indexOf(imageName(tool.image))).join(' ')}`)
    progress.message(`running ${tool.image}`)
    const output: string[] = []
    await programs.run(command, signal, (line) => {
      output.push(line)
      if (output.length > KEPT_LINES) output.shift()
    })
    return { firmware_url: url, ...file, tool: tool.image, arguments: tool.arguments ?? [], output }
  },
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

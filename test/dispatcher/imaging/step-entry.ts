import { mkdir, realpath, symlink, unlink } from 'node:fs/promises'
import { runPaths } from '../../../src/dispatcher/paths.ts'
import { imageDisk } from '../../../src/dispatcher/steps/image-disk.ts'
import { runStep } from '../../../src/dispatcher/steps/step.ts'
import { AppError, errorText } from '../../../src/shared/errors.ts'
import type { Command } from '../../../src/shared/exec.ts'
import { programs } from '../../../src/shared/exec.ts'
import { parsePrintedRecipe } from '../../../src/shared/recipe/parse.ts'
import { systemClock } from '../../../src/shared/time.ts'
import { JOB } from '../task-medium.ts'

/**
 * Runs in the tools root, on a loop device under another name: the step with its real programs. What lsblk tells of disks is
 * made up, for no loop device is ever taken for a disk; and so are the partitions, for the kernels of containers and small
 * virtual machines often know none on loop devices. Each is a loop device of its own.
 */
const [device = '', bytes = '', recipe = '', host = '', run = ''] = process.argv.slice(2)

const say = (line: string) => console.log(line)
const real = programs(say)
const row = { name: 'vda', kname: 'loop', pkname: null, path: device, type: 'disk', size: bytes, 'log-sec': 512 }
const LISTING = JSON.stringify({
  blockdevices: [
    { ...row, serial: 'S-1', wwn: '0x5000c500a1b2c3d4', model: 'LOOP', tran: 'sata', rm: false, ro: false },
  ],
})

const partitions: string[] = []

async function dropPartitions(): Promise<void> {
  for (const path of partitions.splice(0)) {
    await real.run({ argv: ['losetup', '--detach', await realpath(path)] }, never)
    await unlink(path)
  }
}

async function showPartitions(): Promise<void> {
  await dropPartitions()
  const { partitiontable } = JSON.parse(await real.read({ argv: ['sfdisk', '--json', device] }, never)) as {
    partitiontable: { partitions: { node: string; start: number; size: number }[] }
  }
  for (const { node, start, size } of partitiontable.partitions) {
    const place = ['--offset', String(start * 512), '--sizelimit', String(size * 512)]
    const loop = await real.read({ argv: ['losetup', '--find', '--show', ...place, device] }, never)
    await symlink(loop.trim(), node)
    partitions.push(node)
  }
}

/** The kernel reads the table again; the tools root has no udev. */
async function runProgram(command: Command, signal: AbortSignal): Promise<void> {
  if (command.argv[0] === 'udevadm') return
  if (command.argv.includes('--rereadpt')) return showPartitions()
  if (command.argv.includes('efivarfs')) throw new AppError('program-failed', "the host's boot menu is not for tests")
  await real.run(command, signal)
}

const never = new AbortController().signal
const paths = runPaths(run)
await mkdir(paths.state, { recursive: true })
try {
  await runStep(imageDisk, {
    recipe: parsePrintedRecipe(recipe),
    job: { ...JOB, registry: { ...JOB.registry, host } },
    paths,
    protectedDevices: [],
    programs: {
      ...real,
      run: runProgram,
      read: async (command, signal) =>
        command.argv[0] === 'lsblk' && command.argv.at(-1) !== device ? LISTING : real.read(command, signal),
    },
    progress: {
      message: () => undefined,
      note: (text) => say(`noted: ${text}`),
      announce: async (text) => say(`announced: ${text}`),
      bytes: () => undefined,
      flush: async () => undefined,
    },
    say,
    clock: systemClock,
    now: () => performance.now(),
    signal: never,
  })
} catch (error) {
  console.log(`failed: ${errorText(error)}`)
  process.exitCode = 1
} finally {
  await dropPartitions()
}

import { writeFile } from 'node:fs/promises'
import { arch } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import { isPresent } from '../../shared/files.ts'
import { ESP_TYPE } from '../../shared/recipe/roles.ts'
import { partitionPath } from './disk.ts'
import type { Volume } from './fstab.ts'
import { fstab } from './fstab.ts'
import { findGrub, GRUBS, menuOptions, planBinds, planGrub, writeGrubSettings } from './grub.ts'
import { checkMenu } from './grub-menu.ts'
import type { Slot } from './layout.ts'
import { layoutDisk } from './layout.ts'
import { NEW_ROOT, planMounts, withMounts } from './mounts.ts'
import { placeIn } from './new-root.ts'
import { makeBootEntry } from './nvram.ts'
import { findPreparedDisk } from './prepared-disk.ts'
import { askForRelabel } from './selinux.ts'
import type { Step, StepContext } from './step.ts'
import { bootProgram, installSystemdBoot } from './systemd-boot.ts'

/** Makes what was unpacked boot: fstab, kernel arguments, its boot loader, and an entry in the firmware. */
export const bootloaderLinux: Step = {
  name: 'bootloader-linux',
  prefix: 'bootloader',
  async run(context) {
    const { recipe, programs, signal, say } = context
    const disk = await findPreparedDisk(context)
    const slots = layoutDisk(recipe, disk.bytes)
    const esp = slots.find(({ type }) => type === ESP_TYPE)
    if (esp?.mountpoint === undefined) {
      throw new AppError('step-failed', 'Cannot install a boot loader: no partition is the ESP')
    }
    const efiDirectory = esp.mountpoint
    const volumes = await readVolumes(disk.path, slots, context)
    const facts = await withMounts(planMounts(disk, slots, NEW_ROOT), NEW_ROOT, programs, signal, async () => {
      await writeFile(await placeIn(NEW_ROOT, 'etc/fstab'), fstab(volumes))
      const loader = await installLoader(disk.path, efiDirectory, volumes, context)
      const relabel = await askForRelabel(NEW_ROOT)
      if (relabel) say('the system uses SELinux: it labels its files when it starts for the first time')
      return { ...loader, selinux_relabel: relabel }
    })
    return { ...facts, boot_entry: await makeBootEntry(disk.path, esp.number, context) }
  },
}

/** The loader that the system brings. GRUB first: a system with both updates its kernels for GRUB. */
async function installLoader(disk: string, efiDirectory: string, volumes: readonly Volume[], context: StepContext) {
  const { recipe, programs, say, signal } = context
  const { kernel_arguments: kernelArguments = [] } = recipe
  const root = volumes.find(({ slot }) => slot.mountpoint === '/')
  if (root === undefined) throw new AppError('step-failed', 'Cannot install a boot loader: no partition is the root')
  const grub = await findGrub(NEW_ROOT)
  if (grub !== undefined) {
    await writeGrubSettings(NEW_ROOT, grub, kernelArguments)
    for (const command of planBinds(NEW_ROOT)) await programs.run(command, signal)
    const help = await programs.read({ argv: ['chroot', NEW_ROOT, grub.mkconfig, '--help'] }, signal)
    const plan = planGrub(NEW_ROOT, grub, efiDirectory, arch(), menuOptions(help))
    for (const command of plan) await programs.run(command, signal)
    const ownBoot = volumes.some(({ slot }) => slot.mountpoint === '/boot')
    const partuuid = await programs.read(planPartuuid(disk, root.slot.number), signal)
    const rootNames = { UUID: root.uuid, PARTUUID: partuuid.trim(), LABEL: root.slot.label ?? '' }
    const kernels = await checkMenu(NEW_ROOT, { directory: grub.directory, ownBoot, rootNames, kernelArguments })
    say(`${grub.install} with ${kernels.join(', ')}`)
    return { loader: grub.install, kernels }
  }
  if (!(await isPresent(join(NEW_ROOT, bootProgram(arch()))))) {
    const names = [...GRUBS.map(({ install }) => install), 'systemd-boot'].join(' nor ')
    throw new AppError('step-failed', `Cannot install a boot loader: the installed system has neither ${names}`)
  }
  const kernels = await installSystemdBoot(NEW_ROOT, efiDirectory, root.uuid, kernelArguments, arch())
  say(`systemd-boot with ${kernels.join(', ')}`)
  return { loader: 'systemd-boot', kernels }
}

/** From the table itself: what is mapped (multipath) tells nobody of its entry. */
export function planPartuuid(disk: string, number: number): Command {
  return { argv: ['sfdisk', '--part-uuid', disk, `${number}`] }
}

async function readVolumes(disk: string, slots: readonly Slot[], context: StepContext): Promise<Volume[]> {
  const used = slots.filter(({ mountpoint, format }) => mountpoint !== undefined || format === 'swap')
  const volumes: Volume[] = []
  for (const slot of used) {
    const device = partitionPath({ path: disk }, slot.number)
    // --probe: what is on the disk now, not what udev remembers.
    const argv = ['blkid', '--probe', '--match-tag', 'UUID', '--output', 'value', device] as const
    const uuid = (await context.programs.read({ argv }, context.signal)).trim()
    if (uuid === '') throw new AppError('step-failed', `Cannot write fstab: ${device} has no UUID`)
    volumes.push({ slot, uuid })
  }
  return volumes
}

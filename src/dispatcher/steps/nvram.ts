import { readFile } from 'node:fs/promises'
import { arch } from 'node:os'
import { join } from 'node:path'
import { errorText } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import { isPresent } from '../../shared/files.ts'
import type { StepContext } from './step.ts'

/** Where the kernel shows the firmware's variables; not there when the server was booted by a BIOS. */
export const FIRMWARE = '/sys/firmware/efi'

/** Name of our entry in the firmware's boot menu; entries of that name are ours to replace. */
const BOOT_ENTRY = 'Installed by provisioner'

/** What firmware starts of an ESP without being told (UEFI 2.10 section 3.5.1.1). */
export function removableLoader(machine: string): string {
  return machine === 'arm64' ? 'EFI/BOOT/BOOTAA64.EFI' : 'EFI/BOOT/BOOTX64.EFI'
}

/** Numbers of our entries in the output of efibootmgr(8): `Boot0003* Installed by provisioner<tab>HD(1,GPT,…)`. */
export function ownEntries(listing: string): string[] {
  return listing.split('\n').flatMap((line) => {
    const [, number, name] = /^Boot([0-9A-F]{4})[* ] ([^\t]*)/.exec(line) ?? []
    return number !== undefined && name?.trimEnd() === BOOT_ENTRY ? [number] : []
  })
}

/**
 * Removes our old entries and makes one for this disk; efibootmgr puts it first in the boot order. Without an ESP the firmware
 * has to find its own way, and an old entry would only lead it to what was installed before.
 */
export function planBootEntry(
  disk: string,
  espNumber: number | undefined,
  machine: string,
  stale: readonly string[],
): Command[] {
  const loader = `\\${removableLoader(machine).replaceAll('/', '\\')}`
  const removals = stale.map(
    (number): Command => ({ argv: ['efibootmgr', '--quiet', '--delete-bootnum', '--bootnum', number] }),
  )
  if (espNumber === undefined) return removals
  return [
    ...removals,
    {
      argv: [
        'efibootmgr',
        '--quiet',
        '--create',
        '--disk',
        disk,
        '--part',
        String(espNumber),
        '--label',
        BOOT_ENTRY,
        '--loader',
        loader,
      ],
    },
  ]
}

/**
 * An entry in the firmware's boot menu, where there is UEFI. The removable path boots without one, and some firmware has no
 * room for it, so a refusal is told and kept in the step's state rather than failing an installation that boots.
 */
export async function makeBootEntry(
  disk: string,
  espNumber: number | undefined,
  { programs, say, signal }: Pick<StepContext, 'programs' | 'say' | 'signal'>,
  firmware = FIRMWARE,
): Promise<string> {
  if (!(await isPresent(firmware))) return 'none: this server was not booted by UEFI'
  try {
    const variables = join(firmware, 'efivars')
    const mounted = (await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${variables} `)
    if (!mounted) await programs.run({ argv: ['mount', '-t', 'efivarfs', 'efivarfs', variables] }, signal)
    const stale = ownEntries(await programs.read({ argv: ['efibootmgr'] }, signal))
    for (const command of planBootEntry(disk, espNumber, arch(), stale)) await programs.run(command, signal)
    return espNumber === undefined ? 'none: there is no EFI system partition' : 'made'
  } catch (error) {
    signal.throwIfAborted()
    say(`warning: no entry in the firmware's boot menu, its removable path will do: ${errorText(error)}`)
    return `none: ${errorText(error)}`
  }
}

import type { Command } from '../exec.ts'

/** Name of our entry in the firmware's boot menu; entries of that name are ours to replace. */
export const BOOT_ENTRY = 'Installed by provisioner'

/** Numbers of our entries in the output of efibootmgr(8): `Boot0003* Installed by provisioner<tab>HD(1,GPT,…)`. */
export function ownEntries(listing: string): string[] {
  return listing.split('\n').flatMap((line) => {
    const [, number, name] = /^Boot([0-9A-F]{4})[* ] ([^\t]*)/.exec(line) ?? []
    return number !== undefined && name?.trimEnd() === BOOT_ENTRY ? [number] : []
  })
}

/** Removes our old entries and makes one for this disk; efibootmgr puts it first in the boot order. */
export function planBootEntry(disk: string, espNumber: number, machine: string, stale: readonly string[]): Command[] {
  const loader = machine === 'arm64' ? '\\EFI\\BOOT\\BOOTAA64.EFI' : '\\EFI\\BOOT\\BOOTX64.EFI'
  const place = ['--disk', disk, '--part', String(espNumber)]
  return [
    ...stale.map((number): Command => ({ argv: ['efibootmgr', '--quiet', '--delete-bootnum', '--bootnum', number] })),
    { argv: ['efibootmgr', '--quiet', '--create', ...place, '--label', BOOT_ENTRY, '--loader', loader] },
  ]
}

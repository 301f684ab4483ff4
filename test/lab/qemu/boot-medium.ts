import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mustInTools } from '../programs.ts'
import { type Afterwards, efiProgram } from './efi-program.ts'

const SCRIPT = `set -e
truncate -s 1440K /medium/tree/efi.img
mformat -i /medium/tree/efi.img -f 1440 ::
mmd -i /medium/tree/efi.img ::/EFI ::/EFI/BOOT
mcopy -i /medium/tree/efi.img /medium/program.efi ::/EFI/BOOT/BOOTX64.EFI
xorriso -as mkisofs -quiet -V TINY -o /medium/boot.iso -R -eltorito-alt-boot -e efi.img -no-emul-boot /medium/tree`

/** Makes `DIRECTORY/boot.iso`, an ISO that UEFI boots (El Torito) into a program that says one sentence. */
export async function bootMedium(directory: string, says: string, afterwards: Afterwards): Promise<string> {
  await mkdir(join(directory, 'tree'), { recursive: true })
  await writeFile(join(directory, 'program.efi'), efiProgram(says, afterwards))
  await mustInTools(['sh', '-c', SCRIPT], { binds: [{ host: directory, inside: '/medium' }] })
  return join(directory, 'boot.iso')
}

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { planFat } from '../../../src/isobuilder/fat/plan.ts'
import { createIso } from '../../../src/isobuilder/image-file.ts'
import { segmentsSource } from '../../../src/isobuilder/segments.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import { type Afterwards, efiProgram } from './efi-program.ts'

/**
 * Makes `DIRECTORY/boot.iso`, an image that UEFI boots into a program that says one sentence: from a CD by El Torito, from
 * a USB disk by its partition table.
 */
export async function bootMedium(directory: string, says: string, afterwards: Afterwards): Promise<string> {
  const program = bytesSource(efiProgram(says, afterwards))
  const esp = planFat([{ path: 'EFI/BOOT/BOOTX64.EFI', source: program }], { label: 'ESP' })
  if (!esp.ok) throw new Error(JSON.stringify(esp.problems))
  const files = [{ path: 'readme.txt', source: bytesSource(Buffer.from(`${says}\n`)) }]
  const path = join(directory, 'boot.iso')
  await mkdir(directory, { recursive: true })
  const { signal } = new AbortController()
  await createIso(files, { label: 'TINY', boot: { esp: await segmentsSource(esp.image, signal) } }, path, signal)
  return path
}

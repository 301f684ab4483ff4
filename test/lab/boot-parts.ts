import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { unreadFile } from '../../src/isobuilder/draft.ts'
import { planFat } from '../../src/isobuilder/fat/plan.ts'
import { createIso } from '../../src/isobuilder/image-file.ts'
import { segmentsSource } from '../../src/isobuilder/segments.ts'
import type { Source } from '../../src/isobuilder/source.ts'
import { fileSourceOf } from '../../src/isobuilder/source.ts'
import { planUki } from '../../src/isobuilder/uki.ts'

const STUB = 'usr/lib/systemd/boot/efi/linuxx64.efi.stub'
const REMOVABLE = 'EFI/BOOT/BOOTX64.EFI' // UEFI 2.10 section 3.5.1.1

export interface MediumParts {
  /** Root with the kernel in /boot, root with systemd's boot stub, and the initrd. */
  readonly root: string
  readonly tools: string
  readonly initrd: string
  readonly commandLine: string
  /** Read-only file systems; name on the medium → file. */
  readonly layers: Readonly<Record<string, string>>
}

/** Writes the maintenance medium by our own writers: kernel image in an EFI system partition, layers below /layers. */
export async function writeMedium(parts: MediumParts, label: string, path: string): Promise<void> {
  const signal = new AbortController().signal
  const layers = Object.entries(parts.layers).map(([name, file]) => ({
    path: `layers/${name}`,
    unread: unreadFile(file),
  }))
  await createIso(layers, { label, boot: { esp: await bootPartition(parts, signal) } }, path, signal)
}

async function bootPartition({ root, tools, initrd, commandLine }: MediumParts, signal: AbortSignal): Promise<Source> {
  const kernel = (await readdir(join(root, 'boot'))).find((name) => name.startsWith('vmlinuz-'))
  if (kernel === undefined) throw new Error(`Cannot find a kernel in ${basename(root)}/boot`)
  const uki = await planUki({
    stub: await readFile(join(tools, STUB)),
    linux: await fileSourceOf(join(root, 'boot', kernel), signal),
    initrd: await fileSourceOf(initrd, signal),
    commandLine,
    release: kernel.slice('vmlinuz-'.length),
    osRelease: 'PRETTY_NAME=maintenance\n',
  })
  const esp = planFat([{ path: REMOVABLE, source: await segmentsSource(uki, signal) }], { label: 'ESP' })
  if (!esp.ok) throw new Error(JSON.stringify(esp.problems))
  return segmentsSource(esp.image, signal)
}

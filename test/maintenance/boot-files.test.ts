import { expect, test } from 'vitest'
import { readSegments } from '../../src/isobuilder/segments.ts'
import { bytesSource } from '../../src/isobuilder/source.ts'
import { findBootFiles, type LoaderChoice } from '../../src/maintenance/boot-files.ts'
import { bootMedium } from '../../src/maintenance/boot-partition.ts'
import { rootTree } from '../../src/maintenance/root-tree.ts'
import type { TarHeader } from '../../src/oci/tar/tar-fields.ts'
import { readFat } from '../isobuilder/fat/fat-reader.ts'

const KERNEL = ['usr/lib/modules/6.12/vmlinuz', 'usr/lib/modules/6.12/initramfs.img']
const STUB = 'usr/lib/systemd/boot/efi/linuxx64.efi.stub'
const FEDORA = ['usr/lib/efi/shim/15.8/EFI/fedora/shimx64.efi', 'usr/lib/efi/grub2/2.12/EFI/fedora/gcdx64.efi']
const FEDORA_42 = ['usr/lib/bootupd/updates/EFI/fedora/shimx64.efi', 'boot/efi/EFI/fedora/gcdx64.efi']
const DEBIAN = ['usr/lib/shim/shimx64.efi.signed', 'usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed']

function treeOf(paths: readonly string[]) {
  const tree = rootTree()
  const rest = { mode: 0o644, uid: 0, gid: 0, size: 1, link: '', major: 0, minor: 0, xattrs: new Map() }
  for (const [member, path] of paths.entries())
    tree.apply({ ...rest, path, type: 'file' } satisfies TarHeader, 0, member)
  return tree
}

test.for<[string, readonly string[], LoaderChoice, string]>([
  ['a boot stub', [STUB], 'auto', 'uki'],
  ['the signed programs of Fedora', [STUB, ...FEDORA], 'auto', 'grub'],
  ['the signed programs of Fedora 42, the shim where bootupd keeps it', [STUB, ...FEDORA_42], 'auto', 'grub'],
  ['the signed programs of Debian', DEBIAN, 'auto', 'grub'],
  ['a boot stub, though there are signed programs', [STUB, ...FEDORA], 'uki', 'uki'],
])('an image starts by %s', ([, paths, choice, kind]) => {
  const found = findBootFiles(treeOf([...KERNEL, ...paths]), 'x', choice)
  expect(found).toMatchObject({ release: '6.12', loader: { kind } })
})

test.for<[string, readonly string[], LoaderChoice, RegExp]>([
  ['no kernel', [STUB], 'auto', /there is no \/usr\/lib\/modules\/\*\/vmlinuz/],
  ['two kernels', [...KERNEL, 'usr/lib/modules/6.13/vmlinuz', STUB], 'auto', /kernels 6.12, 6.13/],
  ['no initramfs', [KERNEL[0] ?? '', STUB], 'auto', /no file \/usr\/lib\/modules\/6.12\/initramfs.img/],
  ['nothing that loads it', KERNEL, 'auto', /neither shim .* nor boot stub/],
  ['no signed programs', [...KERNEL, STUB], 'grub', /shim and GRUB/],
  ['a GRUB for hard disks only', [...KERNEL, FEDORA[0] ?? ''], 'auto', /neither shim/],
])('an image with %s is refused', ([, paths, choice, message]) => {
  expect(() => findBootFiles(treeOf(paths), 'the image', choice)).toThrow(
    expect.objectContaining({ code: 'boot-image', message: expect.stringMatching(message) }),
  )
})

test('with signed programs the partition holds them and their configuration, and the volume the kernel', async () => {
  const part = (text: string) => bytesSource(Buffer.from(text))
  const loader = { kind: 'grub', shim: part('shim'), grub: part('grub'), mokManager: part('mm') } as const
  const sources = { release: '6.12', kernel: part('kernel'), initramfs: part('initramfs'), osRelease: '', loader }
  const medium = await bootMedium(sources, { label: 'MAINT', commandLine: 'quiet' }, new AbortController().signal)
  expect(medium.entries.map(({ path }) => path)).toEqual([
    ...['images/pxeboot/vmlinuz', 'images/pxeboot/initrd.img', 'EFI/BOOT/grub.cfg', 'boot/grub/grub.cfg'],
  ])
  const image = {
    size: medium.esp.size,
    digest: medium.esp.digest,
    segments: [{ start: 0, length: medium.esp.size, source: medium.esp, offset: 0 }],
  }
  const files = readFat(Buffer.concat(await Array.fromAsync(readSegments(image, 0, image.size))))
  expect(files).toMatchObject({
    'EFI/BOOT/BOOTX64.EFI': 'shim',
    'EFI/BOOT/grubx64.efi': 'grub',
    'EFI/BOOT/mmx64.efi': 'mm',
  })
  expect(files['EFI/BOOT/grub.cfg']).toContain('search --no-floppy --set=root --label MAINT')
  expect(files['EFI/BOOT/grub.cfg']).toContain('linux /images/pxeboot/vmlinuz quiet')
  expect(image.size).toBeLessThan(32 * 1024 * 1024)
})

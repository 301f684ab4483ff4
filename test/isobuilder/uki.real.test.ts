import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSegments } from '../../src/isobuilder/segments.ts'
import { bytesSource, fileSourceOf } from '../../src/isobuilder/source.ts'
import { planUki } from '../../src/isobuilder/uki.ts'
import { mustInTools } from '../lab/programs.ts'
import { debianRoot } from '../lab/roots/roots.ts'
import { scratch } from '../support/scratch.ts'

const STUB = 'usr/lib/systemd/boot/efi/linuxx64.efi.stub'

test('the unified kernel image is, byte for byte, what ukify makes', async () => {
  const directory = scratch()
  const boot = join(await debianRoot('maintenance'), 'boot')
  const kernel = (await readdir(boot)).find((name) => name.startsWith('vmlinuz-')) ?? ''
  const release = kernel.slice('vmlinuz-'.length)
  const initrd = Buffer.alloc(100_000, 'initrd')
  await writeFile(join(directory, 'initrd'), initrd)
  const argv = ['ukify', 'build', `--linux=/boot/${kernel}`, '--initrd=/out/initrd', '--cmdline=console=ttyS0 quiet']
  await mustInTools([...argv, '--os-release=ID=lab', `--uname=${release}`, '--output=/out/ukify.efi'], {
    binds: [
      { host: directory, inside: '/out' },
      { host: boot, inside: '/boot', readonly: true },
    ],
  })
  const image = await planUki({
    stub: await readFile(join(await debianRoot('tools'), STUB)),
    linux: await fileSourceOf(join(boot, kernel), new AbortController().signal),
    initrd: bytesSource(initrd),
    commandLine: 'console=ttyS0 quiet',
    osRelease: 'ID=lab',
    release,
  })
  const ours = Buffer.concat(await Array.fromAsync(readSegments(image, 0, image.size)))
  expect(ours.equals(await readFile(join(directory, 'ukify.efi')))).toBe(true)
})

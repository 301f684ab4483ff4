import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { maintenance } from '../../src/commands/maintenance.ts'
import { buildMedium } from '../../src/maintenance/build.ts'
import { imageRoot } from '../../src/maintenance/layers.ts'
import { runCommand } from '../commands/support/run-command.ts'
import { putFiles, scratch } from '../support/scratch.ts'
import { imageSource, type Line } from './layer-bytes.ts'

const never = new AbortController().signal
const QUADLETS = 'etc/containers/systemd'
const LIST = 'usr/lib/bootc/bound-images.d'

const SYSTEM: readonly Line[] = [
  ['f', 'usr/lib/modules/6.12/vmlinuz', 'kernel'],
  ['f', 'usr/lib/modules/6.12/initramfs.img', 'initramfs'],
  ['f', 'usr/lib/shim/shimx64.efi.signed', 'shim'],
  ['f', 'usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed', 'grub'],
  ['f', `${QUADLETS}/partition.container`, '[Container]\nImage=localhost/provisioner-tools:1\n'],
  ['f', `${QUADLETS}/image-linux.container`, '[Container]\nImage=localhost/provisioner-tools:1\n'],
  ['f', `${QUADLETS}/burn-in.container`, '[Container]\nImage=quay.io/site/burn-in:2\nPull=never\n'],
  ['f', `${QUADLETS}/site.container`, '[Container]\nImage=site.image\n'],
  ['f', `${QUADLETS}/made.container`, '[Container]\nImage=made.build\n'],
  ['f', `${QUADLETS}/other.container`, '[Container]\nImage=quay.io/site/not-listed:1\n'],
  ['s', `${LIST}/partition.container`, `/${QUADLETS}/partition.container`],
  ['s', `${LIST}/image-linux.container`, `/${QUADLETS}/image-linux.container`],
  ['s', `${LIST}/burn-in.container`, `../../../../${QUADLETS}/burn-in.container`],
  ['s', `${LIST}/site.container`, `/${QUADLETS}/site.container`],
  ['s', `${LIST}/made.container`, `/${QUADLETS}/made.container`],
  ['s', `${LIST}/gone.container`, `/${QUADLETS}/gone.container`],
]

afterEach(() => {
  vi.unstubAllEnvs()
})

/** What a build says; the program that makes the file system only takes its input. */
async function saidBy(embedded: string | undefined): Promise<string[]> {
  const directory = scratch()
  await putFiles(directory, { 'bin/mkfs.erofs': '#!/bin/sh\nfor out; do :; done\ncat >"$out"\n' })
  await chmod(join(directory, 'bin/mkfs.erofs'), 0o755)
  const said: string[] = []
  const path = `${join(directory, 'bin')}:${process.env['PATH']}`
  vi.stubEnv('PATH', path)
  const common = { fileSystem: 'erofs', loader: 'grub', append: '', label: 'MAINT', path } as const
  const image = await imageRoot(imageSource([SYSTEM]), 'latest', 'amd64', never)
  const output = join(directory, 'm.iso')
  await buildMedium(image, { ...common, output, embedded, say: (line) => said.push(line) }, never)
  return said.filter((line) => line.includes('is not embedded')).map((line) => line.split(' ')[0] ?? '')
}

test('of the images that the image lists as its own, those that are not embedded are named', async () => {
  expect(await saidBy('localhost/provisioner-tools:1')).toEqual(['quay.io/site/burn-in:2'])
  expect(await saidBy(undefined)).toEqual(['localhost/provisioner-tools:1', 'quay.io/site/burn-in:2'])
})

test('no medium gets the label of a task: the dispatcher would take it for one', async () => {
  const build = maintenance.commands.find(({ name }) => name === 'maintenance build')
  if (build === undefined) expect.fail('no command')
  const { error } = await runCommand(build, ['--from', '/nowhere', '--output', '/nowhere/m.iso', '--label', 'TASK_1'])
  expect(error).toMatchObject({ code: 'usage', message: expect.stringContaining('TASK_') })
})

import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { findGrub, writeGrubSettings } from '../../../src/dispatcher/steps/grub.ts'
import { putFiles, scratch } from '../../support/scratch.ts'

let root: string

beforeEach(() => {
  root = scratch()
})

/** As Debian's and Ubuntu's grub-mkconfig has it; upstream's and Fedora's reads the first file alone. */
const DROP_INS = `for x in \${sysconfdir}/default/grub.d/*.cfg ; do if [ -e "$x" ]; then . "$x"; fi; done`
const FIRST = `. \${sysconfdir}/default/grub`
const DEBIAN = { 'usr/sbin/grub-install': '', 'usr/sbin/grub-mkconfig': `${FIRST}\n${DROP_INS}\n` }
const FEDORA = { 'usr/bin/grub2-install': '', 'usr/bin/grub2-mkconfig': `${FIRST}\n` }

async function write(kernelArguments: readonly string[]): Promise<void> {
  const grub = await findGrub(root)
  if (grub === undefined) return expect.fail('the system has a GRUB')
  await writeGrubSettings(root, grub, kernelArguments)
}

/** What 10_linux puts behind the root of a usual entry, after grub-mkconfig has read the settings. */
function told(mkconfig: string, words = '$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT'): string[] {
  const script = `${mkconfig}\necho "\${GRUB_FORCE_PARTUUID:+root=PARTUUID=$GRUB_FORCE_PARTUUID}" ${words}`
  const env = { sysconfdir: join(root, 'etc') }
  return execFileSync('sh', ['-c', script], { env, encoding: 'utf8' }).trim().split(/\s+/)
}

test.for<[string, Readonly<Record<string, string>>]>([
  ['Debian', DEBIAN],
  ['Fedora', FEDORA],
])('the kernel arguments of the recipe come after all that the image says: %s', async ([, system]) => {
  await putFiles(root, {
    ...system,
    'etc/default/grub': 'GRUB_CMDLINE_LINUX="mitigations=auto"\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"',
    'etc/default/grub.d/40-force-partuuid.cfg': 'GRUB_FORCE_PARTUUID=old\n',
    'etc/default/grub.d/50-cloudimg-settings.cfg':
      'GRUB_CMDLINE_LINUX="mitigations=auto,nosmt"\nGRUB_CMDLINE_LINUX_DEFAULT="console=tty1 console=ttyS0"\n',
  })
  await write(['old=1'])
  await write(['console=ttyS1,115200', 'mitigations=off'])
  const script = Object.entries(system).find(([path]) => path.endsWith('mkconfig'))?.[1] ?? ''
  const words = told(script)
  expect(words.slice(-2)).toEqual(['console=ttyS1,115200', 'mitigations=off'])
  expect(words.some((word) => /^root=|old/.test(word))).toBe(false)
  // The menu's rescue entries, and Fedora's of their own, are told these alone.
  expect(told(script, '$GRUB_CMDLINE_LINUX').slice(-2)).toEqual(['console=ttyS1,115200', 'mitigations=off'])
})

test('a recipe without kernel arguments leaves those of the image, and an image without any gets each of ours once', async () => {
  await putFiles(root, { ...DEBIAN, 'etc/default/grub': 'GRUB_CMDLINE_LINUX="quiet"\n' })
  await write([])
  expect(told(DEBIAN['usr/sbin/grub-mkconfig'])).toEqual(['quiet'])
  await write(['a=1'])
  expect(told(DEBIAN['usr/sbin/grub-mkconfig'])).toEqual(['quiet', 'a=1'])
  expect(await readFile(join(root, 'etc/default/grub'), 'utf8')).toBe('GRUB_CMDLINE_LINUX="quiet"\n')
})

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** Instructions of the Containerfile, continued lines joined, without comments. */
const INSTRUCTIONS = readFileSync(join(ROOT, 'Containerfile'), 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '')
const BASE = INSTRUCTIONS.indexOf(`FROM $\{BASE}`)

/** The directories that a tree is copied into. */
function copiedTrees(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^COPY (?:--\S+ )*\S+ (\S*)\/$/.exec(line)?.[1] ?? [])
}

test('the Fedora image gets what a medium is made of: an initramfs for it, and boot programs', () => {
  const dnf = INSTRUCTIONS.filter((line) => line.startsWith('RUN') && line.includes('dnf install')).join('\n')
  for (const name of ['dracut-live', 'grub2-efi-x64-cdboot', 'systemd-boot-unsigned']) expect(dnf).toContain(` ${name}`)
  // It goes where `maintenance build` takes it from, for any machine, and after the packages that it is made with.
  const dracut =
    /dracut-live.*dracut --force.* --no-hostonly --add dmsquash-live .*"\/usr\/lib\/modules\/\$release\/initramfs.img"/
  expect(dnf).toMatch(dracut)
  expect(dnf).toMatch(/--add-drivers '[^']*erofs/)
})

test('no tree that is copied into the image has a directory that is a link in Fedora: the program is copied as a file', () => {
  const top = (path: string) => readdirSync(join(ROOT, path)).sort()
  expect(top('assets/host')).toEqual(['etc', 'usr'])
  expect(top('assets/host/usr')).toEqual(['lib'])
  const trees = copiedTrees(INSTRUCTIONS.slice(0, BASE))
  expect(trees).toEqual(['', '/etc/systemd/system', '/etc/containers/systemd', '/etc/provisioner/trust'])
  expect(INSTRUCTIONS.slice(0, BASE).filter((line) => line.startsWith('COPY'))).toHaveLength(trees.length)
  expect(INSTRUCTIONS.slice(BASE)).toContain('COPY --chmod=0755 dist/provisioner /usr/sbin/provisioner')
})

test('the firewall does not depend on where a distribution has nft', () => {
  const unit = readFileSync(join(ROOT, 'assets/units/provision-firewall.service'), 'utf8')
  expect(unit).toMatch(/^ExecStart=nft -f \/etc\/provisioner\/firewall.nft$/m)
})

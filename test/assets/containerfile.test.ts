import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { INSTRUCTIONS } from '../lab/containerfile.ts'

const ROOT = join(import.meta.dirname, '../..')

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
  // What keeps disks alone (mdadm.conf, lvmlocal.conf) is in the initramfs as well.
  const payload = INSTRUCTIONS.indexOf('COPY --from=payload / /')
  expect(payload).toBeGreaterThan(BASE)
  expect(payload).toBeLessThan(INSTRUCTIONS.findIndex((line) => line.includes('dracut --force')))
})

/** Which package of the tool image has a program of the steps: in Fedora, and in Debian where it is another one. */
const PACKAGES: Readonly<Record<string, readonly [string, string?]>> = {
  ...each(['blkdiscard', 'blkid', 'blockdev', 'lsblk', 'mkswap', 'mount', 'umount', 'wipefs'], 'util-linux'),
  sfdisk: ['util-linux', 'fdisk'],
  sgdisk: ['gdisk'],
  udevadm: ['systemd-udev', 'udev'],
  ...each(['e2fsck', 'mkfs.ext4', 'resize2fs'], 'e2fsprogs'),
  ...each(['mkfs.xfs', 'xfs_growfs'], 'xfsprogs'),
  ...each(['btrfs', 'mkfs.btrfs'], 'btrfs-progs'),
  'mkfs.vfat': ['dosfstools'],
  ...each(['mcopy', 'mdir'], 'mtools'),
  efibootmgr: ['efibootmgr'],
  // Debian's is essential: in every base image.
  find: ['findutils', ''],
  tar: ['tar'],
}
/** In every base image; and programs that run on the host, in `tool-image` and `vendor-firmware`. */
const ELSEWHERE = ['chroot', 'sync', 'podman', 'systemctl']

function each(programs: readonly string[], name: string): Record<string, readonly [string]> {
  return Object.fromEntries(programs.map((program) => [program, [name] as const]))
}

test('every program that a step starts is in a package of the tool image', () => {
  const directory = join(ROOT, 'src/dispatcher/steps')
  const sources = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'))
  const started = sources.flatMap((text) => [...text.matchAll(/argv(?:: | = )\[\s*'([^']+)'/g)].map(([, name]) => name))
  expect([...new Set(started)].filter((name) => !ELSEWHERE.includes(name ?? '')).sort()).toEqual(
    Object.keys(PACKAGES).sort(),
  )
  const [, dnf = '', apt = ''] = readFileSync(join(ROOT, 'Containerfile.tools'), 'utf8').split(/ install -y /)
  for (const [fedora, debian = fedora] of Object.values(PACKAGES)) {
    expect(dnf.split(/\s+/)).toContain(fedora)
    if (debian !== '') expect(apt.split(/\s+/)).toContain(debian)
  }
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

/** Units that the lab masks and the product does not. */
const LAB_ONLY: Readonly<Record<string, readonly string[]>> = {
  'cost time under emulation and do nothing in memory': [
    ...['dpkg-db-backup.timer', 'ldconfig.service', 'podman-auto-update.timer', 'podman-clean-transient.service'],
    ...['netavark-dhcp-proxy.socket', 'netavark-firewalld-reload.service', 'podman-restart.service', 'podman.service'],
    ...['podman.socket', 'systemd-hwdb-update.service', 'systemd-journal-catalog-update.service'],
    ...['systemd-machine-id-commit.service', 'systemd-pstore.service', 'systemd-sysusers.service'],
    'systemd-update-done.service',
  ],
  'switches a server off when its power button is pressed': ['systemd-logind.service'],
}

test('what the lab masks the product masks too, or there is a reason', () => {
  const lab = readFileSync(join(ROOT, 'test/lab/roots/maintenance/masked'), 'utf8').trim().split('\n')
  const masked = INSTRUCTIONS.flatMap((line) => /systemctl mask (.*?) &&/.exec(line)?.[1]?.split(/\s+/) ?? [])
  expect(lab.filter((unit) => !masked.includes(unit)).sort()).toEqual(Object.values(LAB_ONLY).flat().sort())
})

test('nothing looks after the boot loaders of the server: Fedora enables it, and live media of it have made boot entries', () => {
  const mask = INSTRUCTIONS.find((line) => line.includes('systemctl mask'))
  for (const unit of ['bootloader-update.service', 'systemd-boot-update.service']) expect(mask).toContain(` ${unit} `)
})

test('no console has a prompt: it would clear the notice, and nobody can log in', () => {
  const mask = INSTRUCTIONS.find((line) => line.includes('systemctl mask'))
  for (const unit of ['getty.target', 'getty@.service', 'serial-getty@.service', 'systemd-firstboot.service'])
    expect(mask).toContain(` ${unit} `)
})

test('no time service runs: it would ask the Internet, and set the clock of the firmware', () => {
  const mask = INSTRUCTIONS.find((line) => line.includes('systemctl mask'))
  for (const unit of ['systemd-timesyncd.service', 'chronyd.service', 'chrony.service'])
    expect(mask).toContain(` ${unit} `)
})

test('the firewall does not depend on where a distribution has nft', () => {
  const unit = readFileSync(join(ROOT, 'assets/units/provision-firewall.service'), 'utf8')
  expect(unit).toMatch(/^ExecStart=nft -f \/etc\/provisioner\/firewall.nft$/m)
})

test('the firewall is ordered before every network, at every boot', () => {
  const lines = readFileSync(join(ROOT, 'assets/units/provision-firewall.service'), 'utf8').split('\n')
  // systemd.special(7), network-pre.target: services that set up a firewall want it and are before it.
  expect(lines).toContain('Wants=network-pre.target')
  expect(lines).toContain('Before=network-pre.target shutdown.target')
  expect(lines).toContain('WantedBy=sysinit.target')
  expect(INSTRUCTIONS.find((line) => line.includes('systemctl enable'))).toContain(' provision-firewall.service ')
})

import { gzipSync } from 'node:zlib'
import { artifact, tar } from '../boot/artifacts.ts'
import type { Scenario } from '../boot/boot.ts'
import { type FailureCase, failing, LINUX_STEPS } from './case.ts'
import { LSBLK, PREPARED } from './disk.ts'

/** Every partition is as small a memory as can be. */
const MOUNT = 'for last; do :; done; exec /usr/bin/mount -t tmpfs -o size=64k tmpfs "$last"'

/** The partition of the root is the disk that the scenario gives. */
const MOUNT_DISK = `for last; do :; done
[ "$last" = /mnt/provision ] || exec /usr/bin/mount -t tmpfs -o size=64k tmpfs "$last"
exec /usr/bin/mount -t ext4 /dev/vdzz "$last"`

/** A root with these files, an ESP as small as can be, and whatever else is mounted. */
function system(files: string): string {
  return `for last; do :; done
[ "$last" = /mnt/provision ] || exec /usr/bin/mount -t tmpfs -o size=64k tmpfs "$last"
/usr/bin/mount -t tmpfs -o size=8m tmpfs "$last" && cd "$last" && ${files}`
}
const GRUB = 'mkdir -p dev proc sys run usr/sbin && touch usr/sbin/grub-install'
const SYSTEMD_BOOT = `mkdir -p usr/lib/systemd/boot/efi usr/lib/modules/6.1 boot &&
touch usr/lib/systemd/boot/efi/systemd-bootx64.efi boot/initrd.img-6.1 && head -c 1M /dev/zero >boot/vmlinuz-6.1`

const image = (layer: Buffer, sent?: Buffer) => artifact('os/debian', '13', layer, sent)
const file = (name: string, kib: number) => tar(name, Buffer.alloc(kib * 1024, name))
const GOOD = image(file('etc/big', 200))

/** tar tells of the first file that it was written in part, of the second why. */
function twoFiles(): Buffer {
  return Buffer.concat([file('etc/big', 200).subarray(0, -1024), file('etc/more', 200)])
}

/** A root file system with more than the failing disk has room for. */
function large(): Buffer {
  return Buffer.concat([file('usr/small', 1).subarray(0, -1024), file('etc/big', 24 * 1024)])
}

/** Files of 1 MiB, and no root file system: that would be told if the disk's error were only seen behind the last byte. */
function many(count: number): Buffer {
  const content = Buffer.alloc(1 << 20, 'x')
  const packed = gzipSync(content)
  const header = (index: number) => gzipSync(tar(`home/${index}`, content).subarray(0, 512))
  const files = Array.from({ length: count }, (_, index) => [header(index), packed])
  return Buffer.concat([...files.flat(), gzipSync(Buffer.alloc(1024))])
}

export const STEP_CASES: readonly FailureCase[] = [
  runs('tool-image', 'the tool image is neither in the medium nor at the controller', {}, [
    'pinging container registry 127.0.0.1:8098: StatusCode: 404',
  ]),
  runs(
    'tool-image',
    'the registry is gone in the middle of the tool image',
    { busybox: ['provisioner-tools:1'], cut: true },
    ['dial tcp 127.0.0.1:8098: connect: connection refused'],
  ),
  runs(
    'tool-image',
    'podman takes longer than the limit',
    { programs: { podman: 'exec sleep 600' }, service: { 'tool-image': 'TimeoutStartSec=5' } },
    ['tool-image.service was ended: it took longer than its limit of 5s'],
  ),
  runs('partition', 'a program is missing in the tool image', { registry: GOOD }, [
    'Cannot finish "sgdisk": there is no such program',
  ]),
  runs(
    'partition',
    'the disk has an error',
    { registry: GOOD, programs: { sgdisk: 'echo "Unable to write: Input/output error" >&2; exit 4' } },
    ['Cannot finish "sgdisk": it ended with exit code 4', 'Input/output error'],
  ),
  runs('partition', 'the server was started by a BIOS', { registry: GOOD, bios: true }, [
    'it was started by a BIOS, and the boot loader will be one for UEFI. Switch its firmware to UEFI',
  ]),
  runs('partition', 'there is no such disk', { recipe: { target_disk: '/dev/nvme7n1' } }, [
    'Cannot find the disk "/dev/nvme7n1": this server has /dev/vdzz (4.0 GiB, virtio, serial FAKE)',
  ]),
  runs('partition', 'the disk is too small', { recipe: { partition_layout: layout('8GiB') } }, [
    'Cannot lay out the partitions: they need',
  ]),
  runs('partition', 'the registry cannot be reached', { recipe: { oci_url: 'oci://127.0.0.1:9/os/debian:13' } }, [
    'connect ECONNREFUSED 127.0.0.1:9',
  ]),
  runs('partition', 'the registry has no such image', {}, ['404']),
  runs(
    'partition',
    'the image is not the one the recipe demands',
    { recipe: { verify: { digest: `sha256:${'0'.repeat(64)}` } }, registry: GOOD },
    [`the recipe demands sha256:${'0'.repeat(64)}`],
  ),
  runs('partition', 'the job was cancelled meanwhile', { registry: GOOD, over: true }, [
    'Cannot go on before the controller knows of "erasing /dev/vdzz (4.0 GiB, virtio, serial FAKE)", so nothing was written: it does not run this job any more',
  ]),
  runs(
    'image-linux',
    'the registry sends other bytes than it promised',
    { registry: image(file('etc/x', 1), file('etc/y', 1)) },
    ['the registry sent other bytes'],
  ),
  runs('image-linux', 'the partition is full', { registry: image(twoFiles()) }, [
    'Cannot finish "tar": it ended with exit code 2',
    'No space left on device',
  ]),
  runs('image-linux', 'the registry is gone in the middle of the image', { registry: GOOD, cut: true }, [
    'no byte came for 600 s',
    'connect ECONNREFUSED 127.0.0.1:8098',
  ]),
  runs(
    'image-linux',
    'the disk fails when what was unpacked is written to it',
    { registry: image(gzipSync(large())), failingDisk: true, programs: { mount: MOUNT_DISK } },
    ['Cannot finish "sync": it ended with exit code 1', "sync: error syncing '/mnt/provision'"],
  ),
  runs(
    'image-linux',
    'the disk fails in the middle of a large image',
    { registry: image(many(300)), failingDisk: true, programs: { mount: MOUNT_DISK } },
    ['Cannot finish "sync": it ended with exit code 1', "sync: error syncing '/mnt/provision'"],
  ),
  runs('image-linux', 'the image is no root file system', { registry: image(file('home', 1)) }, [
    'its archive has no /etc and /usr, so it is no root file system',
  ]),
  runs('bootloader-linux', 'the installed system has no boot loader', { programs: { blkid: 'echo 1234-5678' } }, [
    'Cannot install a boot loader: the installed system has neither grub-install nor grub2-install nor systemd-boot',
  ]),
  runs(
    'bootloader-linux',
    'the menu of the installed system has no kernel',
    { programs: { blkid: 'echo 1234-5678', sfdisk: 'echo 1234-5678', mount: system(GRUB), chroot: 'true' } },
    ['Cannot make the system boot: no entry of its boot menu has a kernel and an initramfs that are there'],
  ),
  runs('bootloader-linux', 'the ESP is full', { programs: { blkid: 'echo 1234-5678', mount: system(SYSTEMD_BOOT) } }, [
    'Cannot finish the step "bootloader-linux": ENOSPC: no space left on device',
  ]),
  runs('config-drive', 'a program is missing in the tool image', { programs: { wipefs: 'true' } }, [
    'Cannot finish "mkfs.vfat": there is no such program',
  ]),
]

/** Of `partition` only what it leaves, where it comes before. */
function runs(
  step: string,
  when: string,
  { programs, recipe, ...more }: Scenario,
  says: readonly string[],
): FailureCase {
  const isPrepared = LINUX_STEPS.indexOf(step) > LINUX_STEPS.indexOf('partition')
  const scenario = {
    ...more,
    recipe: { target_disk: '/dev/vdzz', ...recipe },
    steps: isPrepared ? { partition: PREPARED } : {},
    programs: { lsblk: LSBLK, mount: MOUNT, ...programs },
  }
  return failing(LINUX_STEPS, step, `${step} runs and ${when}`, scenario, says)
}

function layout(size: string) {
  return [
    { size: '64MiB', format: 'vfat', mountpoint: '/boot/efi' },
    { size, format: 'ext4', mountpoint: '/' },
  ]
}

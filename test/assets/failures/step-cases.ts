import { artifact, tar } from '../boot/artifacts.ts'
import { OUR_PROGRAM, type Scenario } from '../boot/boot.ts'
import { type FailureCase, LINUX_STEPS } from './case.ts'

/** A disk that is a sparse file in the container's own /dev. Everything else is the image's own program, or not there. */
const LSBLK = `[ -e /dev/vdzz ] || truncate -s 4G /dev/vdzz
echo '{"blockdevices": [{"name": "vdzz", "kname": "vdzz", "pkname": null, "path": "/dev/vdzz", "type": "disk", "size": 4294967296, "log-sec": 512, "serial": "FAKE", "wwn": null, "model": null, "tran": null, "rm": false, "ro": false, "mountpoints": [null]}]}'`

/** Every partition is as small a memory as can be. */
const MOUNT = 'for last; do :; done; exec /usr/bin/mount -t tmpfs -o size=64k tmpfs "$last"'

/** A root with these files, an ESP as small as can be, and whatever else is mounted. */
function system(files: string): string {
  return `for last; do :; done
[ "$last" = /mnt/provision ] || exec /usr/bin/mount -t tmpfs -o size=64k tmpfs "$last"
/usr/bin/mount -t tmpfs -o size=8m tmpfs "$last" && cd "$last" && ${files}`
}
const GRUB = 'mkdir -p dev proc sys run usr/sbin && touch usr/sbin/grub-install'
const SYSTEMD_BOOT = `mkdir -p usr/lib/systemd/boot/efi usr/lib/modules/6.1 boot &&
touch usr/lib/systemd/boot/efi/systemd-bootx64.efi boot/initrd.img-6.1 && head -c 1M /dev/zero >boot/vmlinuz-6.1`

const PREPARED = `echo '{"status": "done", "disk": {"path": "/dev/vdzz", "bytes": 4294967296, "serial": "FAKE"}}' >/run/provision/state/partition.json`

const image = (layer: Buffer, sent?: Buffer) => artifact('os/debian', '13', layer, sent)
const file = (name: string, kib: number) => tar(name, Buffer.alloc(kib * 1024, name))
const GOOD = image(file('etc/big', 200))

/** tar tells of the first file that it was written in part, of the second why. */
function twoFiles(): Buffer {
  return Buffer.concat([file('etc/big', 200).subarray(0, -1024), file('etc/more', 200)])
}

export const STEP_CASES: readonly FailureCase[] = [
  failing('tool-image', 'the tool image is neither in the medium nor at the controller', {}, [
    'pinging container registry 127.0.0.1:8099: StatusCode: 404',
  ]),
  failing('partition', 'a program is missing in the tool image', { registry: GOOD }, [
    'Cannot finish "sgdisk": there is no such program',
  ]),
  failing(
    'partition',
    'the disk has an error',
    { registry: GOOD, programs: { sgdisk: 'echo "Unable to write: Input/output error" >&2; exit 4' } },
    ['Cannot finish "sgdisk": it ended with exit code 4', 'Input/output error'],
  ),
  failing('partition', 'the server was started by a BIOS', { registry: GOOD, bios: true }, [
    'it was started by a BIOS, and the boot loader will be one for UEFI. Switch its firmware to UEFI',
  ]),
  failing('partition', 'there is no such disk', { recipe: { target_disk: '/dev/nvme7n1' } }, [
    'Cannot find the disk "/dev/nvme7n1": this server has /dev/vdzz (4.0 GiB, virtio, serial FAKE)',
  ]),
  failing('partition', 'the disk is too small', { recipe: { partition_layout: layout('8GiB') } }, [
    'Cannot lay out the partitions: they need',
  ]),
  failing('partition', 'the registry cannot be reached', { recipe: { oci_url: 'oci://127.0.0.1:9/os/debian:13' } }, [
    'connect ECONNREFUSED 127.0.0.1:9',
  ]),
  failing('partition', 'the registry has no such image', {}, ['404']),
  failing(
    'partition',
    'the image is not the one the recipe demands',
    { recipe: { verify: { digest: `sha256:${'0'.repeat(64)}` } }, registry: GOOD },
    [`the recipe demands sha256:${'0'.repeat(64)}`],
  ),
  failing('partition', 'the job was cancelled meanwhile', { registry: GOOD, over: true }, [
    'Cannot go on before the controller knows of "erasing /dev/vdzz (4.0 GiB, virtio, serial FAKE)", so nothing was written: it does not run this job any more',
  ]),
  failing(
    'image-linux',
    'the registry sends other bytes than it promised',
    { registry: image(file('etc/x', 1), file('etc/y', 1)) },
    ['the registry sent other bytes'],
  ),
  failing('image-linux', 'the partition is full', { registry: image(twoFiles()) }, [
    'Cannot finish "tar": it ended with exit code 2',
    'No space left on device',
  ]),
  failing('image-linux', 'the image is no root file system', { registry: image(file('home', 1)) }, [
    'its archive has no /etc and /usr, so it is no root file system',
  ]),
  failing('bootloader-linux', 'the installed system has no boot loader', { programs: { blkid: 'echo 1234-5678' } }, [
    'Cannot install a boot loader: the installed system has neither grub-install nor grub2-install nor systemd-boot',
  ]),
  failing(
    'bootloader-linux',
    'the menu of the installed system has no kernel',
    { programs: { blkid: 'echo 1234-5678', mount: system(GRUB), chroot: 'true' } },
    ['Cannot make the system boot: no entry of its boot menu has a kernel and an initramfs that are there'],
  ),
  failing(
    'bootloader-linux',
    'the ESP is full',
    { programs: { blkid: 'echo 1234-5678', mount: system(SYSTEMD_BOOT) } },
    ['Cannot finish the step "bootloader-linux": ENOSPC: no space left on device'],
  ),
  failing('config-drive', 'a program is missing in the tool image', {}, [
    'Cannot finish "wipefs": there is no such program',
  ]),
]

/** The step's own code runs; those before it have only left what they leave. */
function failing(
  step: string,
  when: string,
  { programs, recipe, ...more }: Scenario,
  says: readonly string[],
): FailureCase {
  const before = LINUX_STEPS.slice(0, LINUX_STEPS.indexOf(step))
  return {
    when: `${step} runs and ${when}`,
    scenario: {
      ...more,
      recipe: { target_disk: '/dev/vdzz', ...recipe },
      steps: { ...(before.includes('partition') ? { partition: PREPARED } : {}), [step]: OUR_PROGRAM },
      programs: { lsblk: LSBLK, mount: MOUNT, ...programs },
    },
    unit: `${step}.service`,
    began: [...before, step],
    says,
  }
}

function layout(size: string) {
  return [
    { size: '64MiB', format: 'vfat', mountpoint: '/boot/efi' },
    { size, format: 'ext4', mountpoint: '/' },
  ]
}

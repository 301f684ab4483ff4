/** A recipe with nothing special about it. */
export const LINUX_RECIPE = {
  task_target: 'install-linux.target',
  target_disk: '/dev/vda',
  oci_url: 'oci://192.0.2.1/os/debian:13',
  partition_layout: [
    { size: '64MiB', format: 'vfat', mountpoint: '/boot/efi' },
    { size: '100%', format: 'ext4', mountpoint: '/' },
  ],
}

/** Of a controller that had no rule against the file yet. */
export const REFUSED_TODAY = { ...LINUX_RECIPE, files: [{ path: '/etc/fstab', content: '' }] }

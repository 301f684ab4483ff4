#!/bin/bash
# target.sh FILE.tar.zst: an installable Debian 13, the "OS image" of the lab. Its hostname, users and first commands come
# from user-data by cloud-init (NoCloud, the CIDATA partition); its console is ttyS0.
. "$(dirname "$0")/debian.sh"
need zstd

packages=(
  systemd systemd-sysv udev dbus
  linux-image-cloud-amd64 initramfs-tools zstd e2fsprogs
  grub-efi-amd64-bin grub-common grub2-common
  cloud-init python3-pkg-resources iproute2
)
overlay=$(dirname "$(realpath "$0")")/target
# The files go in before the packages: initramfs-tools then builds one small initramfs instead of a large and a small one.
bootstrap - "$(IFS=,; echo "${packages[*]}")" --format=tar \
  --dpkgopt=force-confold \
  --essential-hook="copy-in '$overlay/etc' '$overlay/usr' /" \
  --customize-hook="'$overlay/settle.sh' \"\$1\"" |
  zstd -q -3 -T0 -o "$1"

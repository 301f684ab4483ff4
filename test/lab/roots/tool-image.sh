#!/bin/bash
# tool-image.sh FILE.tar: root file system of the container the provisioning steps run in: the field's own programs.
# It gets no program of ours: the steps mount /usr/sbin/provisioner, which needs the C++ runtime.
. "$(dirname "$0")/debian.sh"

packages=(
  gdisk fdisk util-linux udev kmod
  e2fsprogs dosfstools xfsprogs btrfs-progs mtools
  tar gzip zstd
  grub-efi-amd64-bin grub-common grub2-common efibootmgr
  ca-certificates libstdc++6
)
bootstrap "$1" "$(IFS=,; echo "${packages[*]}")" --format=tar \
  --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/usr/share/doc'

#!/bin/bash
# uki.sh ROOT INITRD COMMAND-LINE OUT.img: a FAT file system with one unified kernel image as the removable-media boot file
# (UEFI 2.10 section 3.5.1.1). Runs in the tools root.
set -euo pipefail
root=$1 initrd=$2 command_line=$3 out=$4
kernel=$(ls "$root"/boot/vmlinuz-*)

ukify build --linux="$kernel" --initrd="$initrd" --cmdline="$command_line" --os-release='PRETTY_NAME=maintenance' \
  --output=/tmp/uki.efi >/dev/null
truncate -s $(($(stat -c %s /tmp/uki.efi) / 1048576 + 3))M "$out"
mkfs.vfat -n ESP "$out" >/dev/null
mmd -i "$out" ::/EFI ::/EFI/BOOT
mcopy -i "$out" /tmp/uki.efi ::/EFI/BOOT/BOOTX64.EFI

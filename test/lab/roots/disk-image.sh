#!/bin/bash
# disk-image.sh ROOT.tar.zst OUT.raw.zst: the target as a whole-disk image, as an image builder makes one: GPT, an EFI system
# partition with GRUB in one file, and a root file system. Nothing is mounted. It is as small as its content: a server's disk
# is larger, and the last partition can grow.
set -euo pipefail
tar=$1 out=$2
root_mib=640

mkdir /tmp/root && cd /tmp
tar --extract --zstd --file="$tar" --directory=root --numeric-owner --xattrs --xattrs-include='*'
echo 'LABEL=root / ext4 defaults 0 1' >root/etc/fstab
cat >root/grub.cfg <<'CFG'
search --no-floppy --label root --set=root
linux /vmlinuz root=LABEL=root console=ttyS0 quiet mitigations=off no_timer_check
initrd /initrd.img
boot
CFG
chroot root grub-mkstandalone --format=x86_64-efi --output=/boot.efi --locales= --fonts= --themes= \
  --modules='part_gpt ext2 search search_label linux normal' boot/grub/grub.cfg=/grub.cfg
mv root/boot.efi . && rm root/grub.cfg

truncate --size=$((root_mib + 34))M disk
sgdisk --new=1:1M:+32M --typecode=1:EF00 --new=2:33M:+${root_mib}M --typecode=2:8304 --change-name=2:root disk >/dev/null
truncate --size=32M esp && mkfs.vfat -n ESP esp >/dev/null
mmd -i esp ::/EFI ::/EFI/BOOT && mcopy -i esp boot.efi ::/EFI/BOOT/BOOTX64.EFI
dd if=esp of=disk bs=1M seek=1 conv=notrunc status=none
mkfs.ext4 -q -F -L root -O '^metadata_csum_seed,^orphan_file' -d root -E offset=$((33 << 20)) disk ${root_mib}M
zstd -q -3 -T0 disk -o "$out"

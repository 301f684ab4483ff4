#!/bin/bash
# dracut.sh OUT: an initramfs for the kernel of the lab's maintenance root (/in/root), made by Debian's dracut with the line of the
# Containerfile (/line, see containerfile.ts). Runs in the tools root, with a network.
set -euo pipefail
mkdir -p /tmp/upper /tmp/work /m
mount -t overlay -o lowerdir=/in/root,upperdir=/tmp/upper,workdir=/tmp/work overlay /m
for directory in dev sys; do mount --rbind "/$directory" "/m/$directory"; done
mount -t proc proc /m/proc
cp --remove-destination /etc/resolv.conf /m/etc/resolv.conf
chroot /m apt-get -qq update
DEBIAN_FRONTEND=noninteractive chroot /m apt-get -qq install -y --no-install-recommends dracut-core dracut-live zstd >&2
release=$(ls /m/usr/lib/modules)
# Its modules are what the lab's kernel package has, without lists of drivers.
chroot /m depmod "$release"
chroot /m /bin/sh -ec "release=$release; $(cat /line)" >&2
cp "/m/usr/lib/modules/$release/initramfs.img" "$1"

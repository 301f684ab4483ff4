#!/bin/bash
# top-image.sh OUT: what the Containerfile makes of its base, made of the lab's Debian base (/in/root) by the Containerfile's own
# lines (/steps, see containerfile.ts) from its build context (/context), with the lab's own host files (/lab) and masks beside
# it. OUT, an erofs or a tar, has what was not in the base. Runs in the tools root.
set -euo pipefail
out=$1
mkdir -p /tmp/upper /tmp/work /m
mount -t overlay -o lowerdir=/in/root,upperdir=/tmp/upper,workdir=/tmp/work overlay /m
mount --rbind /dev /m/dev
mount -t proc proc /m/proc

cp -a --no-preserve=ownership /lab/. /m/
. /steps
while read -r unit; do ln -sf /dev/null "/m/etc/systemd/system/$unit"; done </lab-masked
ln -sf /usr/lib/systemd/system/multi-user.target /m/etc/systemd/system/default.target
: >/m/etc/machine-id

# Without the attributes that overlayfs has left.
tar --create --file=/tmp/top.tar --directory=/tmp/upper --sort=name .
case $out in
  *.tar) cp /tmp/top.tar "$out" ;;
  *) mkfs.erofs --quiet -zlz4 -C65536 -T0 --tar=f "$out" /tmp/top.tar ;;
esac

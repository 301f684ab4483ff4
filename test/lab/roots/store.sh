#!/bin/bash
# store.sh ROOTFS.tar IMAGE OUT.erofs: a read-only container image store with one image, as a file system whose tree starts
# at / (the store is at /usr/lib/provision/containers-storage). Runs in the tools root, with cgroups.
#
# Not /usr/lib/bootc/storage: in a bootc image that is a symlink into the ostree system root, dangling on a live medium.
set -euo pipefail
archive=$1 image=$2 out=$3
stage=$(dirname "$out")/store-stage
store=$stage/usr/lib/provision/containers-storage

rm -rf "$stage"
mkdir -p "$store"
podman --root "$store" --runroot /run/store --storage-driver overlay --events-backend none \
  import --quiet --change CMD=/bin/bash "$archive" "$image"
umount -R "$store/overlay" 2>/dev/null || true
mkfs.erofs --quiet -zlz4 -C65536 -T0 "$out" "$stage"
rm -rf "$stage"

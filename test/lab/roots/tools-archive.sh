#!/bin/bash
# tools-archive.sh ROOTFS.tar IMAGE OUT.tar: an OCI archive with one image of one zstd layer. Runs in the tools root, with cgroups.
set -euo pipefail
archive=$1 image=$2 out=$3
store=$(dirname "$out")/archive-store

podman() { command podman --root "$store" --runroot /run/store --storage-driver overlay --events-backend none "$@"; }
podman import --quiet --change CMD=/bin/bash "$archive" "$image"
podman push --quiet --compression-format zstd --compression-level 3 "$image" "oci-archive:$out"
umount -R "$store/overlay" 2>/dev/null || true
rm -rf "$store"

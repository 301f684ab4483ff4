#!/bin/bash
# tools.sh DIRECTORY: a Debian 13 root with every program the lab and the real-program tests run.
# Debian 13 for QEMU 10: QEMU 7.2 of Debian 12 double-faults under TCG.
. "$(dirname "$0")/debian.sh"

packages=(
  qemu-system-x86 qemu-system-data qemu-utils ovmf ipxe-qemu seabios   # the virtual server
  podman crun netavark fuse-overlayfs skopeo buildah oras cosign docker-registry containerd   # containers and registries
  nginx wrk   # the limit of what the registry is measured against, and a load
  systemd systemd-container systemd-ukify systemd-boot-efi binutils   # units on a real systemd, UKI
  erofs-utils squashfs-tools mtools dosfstools e2fsprogs fdisk gdisk   # file systems and disks
  xorriso genisoimage libarchive-tools 7zip   # readers of our ISO images
  cpio zstd xz-utils kmod busybox-static jq curl openssl ca-certificates iproute2 procps
)
bootstrap "$1" "$(IFS=,; echo "${packages[*]}")"
# systemd programs (nspawn, networkd) refuse to start without one.
echo 0123456789abcdef0123456789abcdef >"$1/etc/machine-id"

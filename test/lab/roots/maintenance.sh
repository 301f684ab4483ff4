#!/bin/bash
# maintenance.sh DIRECTORY: the Debian the lab's maintenance OS is made of. It stands in for the Fedora bootc base of the
# Containerfile; units, Quadlets and the executable come later (maintenance.ts), so a change of code does not rebuild it.
. "$(dirname "$0")/debian.sh"

packages=(
  systemd systemd-sysv udev dbus systemd-resolved
  podman crun netavark skopeo oras
  linux-image-amd64   # not the cloud kernel: virtual media of many BMCs are USB disks, and that one has no usb-storage
  nftables iproute2 kmod zstd procps util-linux jq curl ca-certificates libstdc++6
)
# Two thirds of the full kernel's modules are for what no server of the lab has.
unwanted=()
for directory in sound drivers/{gpu,media,sound,iio,staging,infiniband,bluetooth,hid,input} drivers/net/{wireless,ethernet} net/{wireless,bluetooth}; do
  unwanted+=("--dpkgopt=path-exclude=/usr/lib/modules/*/kernel/$directory/*" "--dpkgopt=path-exclude=/lib/modules/*/kernel/$directory/*")
done
# The kernel pulls in initramfs-tools. The lab brings its own initrd (initrd.sh), so this one may be empty and quick.
bootstrap "$1" "$(IFS=,; echo "${packages[*]}")" \
  "${unwanted[@]}" \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d" && echo MODULES=list >"$1/etc/initramfs-tools/conf.d/lab.conf"' \
  --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/usr/share/doc'

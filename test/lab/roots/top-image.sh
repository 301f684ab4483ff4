#!/bin/bash
# top-image.sh OUT.erofs: what the Containerfile adds to its base, for the lab's Debian base: the lab's own host files (/lab),
# the repository's assets (/assets), its executable (/provisioner) and trust files (/trust). Runs in the tools root.
set -euo pipefail
out=$1
stage=/tmp/stage
units=$stage/etc/systemd/system
quadlets=$stage/etc/containers/systemd

# The order of the Containerfile: host files, units, Quadlets, executable, trust, then what is enabled.
mkdir -p "$units" "$quadlets" "$stage/usr/sbin" "$stage/usr/lib/bootc/bound-images.d"
cp -a --no-preserve=ownership /lab/. "$stage/"
[ ! -d /assets/host ] || cp -a --no-preserve=ownership /assets/host/. "$stage/"
[ ! -d /assets/units ] || cp -a --no-preserve=ownership /assets/units/. "$units/"
[ ! -d /assets/quadlets ] || cp -a --no-preserve=ownership /assets/quadlets/. "$quadlets/"
for quadlet in "$quadlets"/*.container; do
  [ -e "$quadlet" ] && ln -s "/etc/containers/systemd/$(basename "$quadlet")" "$stage/usr/lib/bootc/bound-images.d/"
done
install -m 0755 /provisioner "$stage/usr/sbin/provisioner"
if [ -f /trust/controller.pub ]; then
  install -D -m 0444 /trust/controller.pub "$stage/etc/provisioner/trust/controller.pub"
fi
if [ -f /trust/ca.pem ]; then
  install -D -m 0444 /trust/ca.pem "$stage/etc/provisioner/trust/ca.pem"
fi

# Every unit of ours that has an [Install] section; the distribution's own are listed in /lab-enabled.
for unit in "$units"/*.service "$units"/*.mount; do
  [ -e "$unit" ] && grep -q '^\[Install\]' "$unit" && systemctl --quiet --root="$stage" enable "$(basename "$unit")"
done
while read -r wants unit; do
  mkdir -p "$units/$wants"
  ln -sf "/usr/lib/systemd/system/$unit" "$units/$wants/$unit"
done </lab-enabled
while read -r unit; do ln -sf /dev/null "$units/$unit"; done </lab-masked
ln -sf /usr/lib/systemd/system/multi-user.target "$units/default.target"

: >"$stage/etc/machine-id"
chmod 0755 "$stage"
mkfs.erofs --quiet -zlz4 -C65536 -T0 --all-root "$out" "$stage"

#!/bin/sh
# settle.sh ROOT: the last changes to the target's root, outside of packages.
set -eu
root=$1
systemd=$root/etc/systemd/system

echo target-linux >"$root/etc/hostname"
rm -f "$root/etc/machine-id"
: >"$root/etc/machine-id"
chroot "$root" passwd -d root >/dev/null

# Timers and services that cost seconds under emulation and serve nobody in a lab.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer getty@tty1.service systemd-pstore.service systemd-hwdb-update.service ldconfig.service \
  systemd-journal-catalog-update.service systemd-timesyncd.service man-db.timer cloud-init-hotplugd.socket; do
  ln -sf /dev/null "$systemd/$unit"
done
mkdir -p "$systemd/multi-user.target.wants" "$systemd/getty.target.wants" "$systemd/network-online.target.wants"
ln -sf /usr/lib/systemd/system/systemd-networkd.service "$systemd/multi-user.target.wants/"
ln -sf /usr/lib/systemd/system/systemd-networkd-wait-online.service "$systemd/network-online.target.wants/"
ln -sf /usr/lib/systemd/system/serial-getty@.service "$systemd/getty.target.wants/serial-getty@ttyS0.service"

ln -sf /usr/lib/systemd/system/multi-user.target "$systemd/default.target"

rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/doc \
  "$root"/usr/lib/python3/dist-packages/cloudinit/tests
# Every megabyte is unpacked once under emulation: names of PCI and USB devices, sources of locales, character sets.
rm -rf "$root"/usr/lib/udev/hwdb.d "$root"/usr/lib/udev/hwdb.bin "$root"/usr/share/i18n "$root"/usr/lib/x86_64-linux-gnu/gconv

# boot.sh: boots the maintenance root with our units as PID 1 of a container, in the tools root. The container has a network
# namespace of its own and memory for everything it writes; /t is the only thing it shares.
set -euo pipefail
mkdir -p /tmp/upper /tmp/work /m
mount -t overlay -o lowerdir=/in/root,upperdir=/tmp/upper,workdir=/tmp/work overlay /m
# What the Containerfile makes of it.
tar --extract --file=/in/image.tar --directory=/m
# As builders of images leave it.
rm -f /m/etc/resolv.conf && echo 'nameserver 192.0.2.1' >/m/etc/resolv.conf
cp -a --no-preserve=ownership /t/root/. /m/
while read -r name; do rm "/m/etc/containers/systemd/$name"; done </t/missing
systemctl --quiet --root=/m enable receiver.service
# As distributions have it: without our configuration the journal would be written there, and names asked of neighbours.
mkdir -p /m/var/log/journal /m/usr/lib/systemd/resolved.conf.d
printf '[Resolve]\nLLMNR=yes\nMulticastDNS=yes\n' >/m/usr/lib/systemd/resolved.conf.d/00-default.conf
# The container has no network card.
ln -s /dev/null /m/etc/systemd/system/systemd-networkd-wait-online.service
disk=()
if [ -e /t/failingDisk ]; then
  # What is behind it has less room than it says: the kernel's write of the rest fails.
  mkdir /behind && mount -t tmpfs -o size=8m tmpfs /behind
  truncate -s 1G /behind/disk
  mkfs.ext4 -q -J size=4 /behind/disk
  loop=$(losetup --find --show /behind/disk)
  # It goes when nobody has it open any more, however this ends.
  exec 9<>"$loop"
  losetup --detach "$loop"
  disk=(--bind="$loop:/dev/vdzz")
fi
bash /nspawn.sh /m --bind=/t --bind-ro=/repository "${disk[@]}"
